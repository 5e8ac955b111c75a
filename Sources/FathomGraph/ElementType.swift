/// The kind of a tensor's elements.
///
/// Floating-point kinds are all computed in float32; narrower ones are rounded to their own precision where a
/// value of that kind is made, and double has float32's precision.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
    /// 32-bit floating point.
    case float
    /// 16-bit floating point: 5 bits of exponent, 10 of fraction.
    case float16
    /// 16-bit floating point: 8 bits of exponent, 7 of fraction.
    case bfloat16
    /// 64-bit floating point.
    case double
    /// 64-bit whole numbers: shapes and indices.
    case int64
    /// 32-bit whole numbers.
    case int32
    /// 16-bit whole numbers.
    case int16
    /// Whole numbers −128…127.
    case int8
    /// Whole numbers −8…7.
    case int4
    /// Whole numbers −2…1.
    case int2
    /// Whole numbers 0…2⁶⁴ − 1, kept as the bits of an `Int64`.
    case uint64
    /// Whole numbers 0…2³² − 1.
    case uint32
    /// Whole numbers 0…65535.
    case uint16
    /// Whole numbers 0…255.
    case uint8
    /// Whole numbers 0…15.
    case uint4
    /// Whole numbers 0…3.
    case uint2
    /// 0 or 1.
    case bool

    /// Whether the elements are floating-point numbers.
    public var isFloatingPoint: Bool {
        switch self {
        case .float, .float16, .bfloat16, .double: true
        default: false
        }
    }

    /// Whether whole numbers of this type are never negative.
    var isUnsigned: Bool {
        switch self {
        case .uint64, .uint32, .uint16, .uint8, .uint4, .uint2, .bool: true
        default: false
        }
    }

    /// Bits of an element in a file.
    public var bits: Int {
        switch self {
        case .double, .int64, .uint64: 64
        case .float, .int32, .uint32: 32
        case .float16, .bfloat16, .int16, .uint16: 16
        case .int8, .uint8, .bool: 8
        case .int4, .uint4: 4
        case .int2, .uint2: 2
        }
    }

    /// The number in ONNX's `TensorProto.DataType`.
    public var onnxCode: Int32 {
        switch self {
        case .float: 1
        case .uint8: 2
        case .int8: 3
        case .uint16: 4
        case .int16: 5
        case .int32: 6
        case .int64: 7
        case .bool: 9
        case .float16: 10
        case .double: 11
        case .uint32: 12
        case .uint64: 13
        case .bfloat16: 16
        case .uint4: 21
        case .int4: 22
        case .uint2: 25
        case .int2: 26
        }
    }

    /// The type with a number of ONNX's `TensorProto.DataType`, nil where there is none here.
    public init?(onnxCode: Int) {
        guard let type = Self.allCases.first(where: { Int($0.onnxCode) == onnxCode }) else {
            return nil
        }
        self = type
    }

    /// The number as this type holds it: wrapped to its width, or 0 and 1.
    func wrapping(_ value: Int64) -> Int64 {
        if self == .bool { return value == 0 ? 0 : 1 }
        let spare = Int64(64 - bits)
        guard !isFloatingPoint, spare > 0 else { return value }
        if isUnsigned {
            return Int64(bitPattern: (UInt64(bitPattern: value) << spare) >> spare)
        }
        return (value << spare) >> spare
    }

    /// The nearest number that this floating-point type holds, ties to even.
    func rounding(_ value: Float) -> Float {
        switch self {
        case .float16: return Float(Float16(value))
        case .bfloat16:
            guard value.isFinite else { return value }
            let bits = value.bitPattern
            let rounded = bits &+ 0x7FFF &+ (bits >> 16 & 1)
            return Float(bitPattern: rounded & 0xFFFF_0000)
        default: return value
        }
    }

    /// A number without its fraction as this whole type holds it: limited to 64 bits, then wrapped; NaN is 0.
    func truncating(_ value: Float) -> Int64 {
        if self == .bool { return value == 0 ? 0 : 1 }
        if self == .uint64, value >= 0x1p63 {
            return Int64(bitPattern: value >= 0x1p64 ? .max : UInt64(value))
        }
        return wrapping(Int64(Int(clampingTowardZero: value)))
    }
}
