import FathomCore

/// The kind of a tensor's elements. All floating-point kinds of a file (float16, bfloat16, float, double)
/// become float32 when it is read.
public enum ElementType: String, Hashable, Sendable {
    /// 32-bit floating point.
    case float
    /// 64-bit whole numbers: shapes and indices.
    case int64
    /// 32-bit whole numbers.
    case int32
    /// Whole numbers 0…255.
    case uint8
    /// Whole numbers −128…127.
    case int8
    /// 0 or 1.
    case bool

    /// The number as this type holds it: wrapped to its width, or 0 and 1.
    func wrapping(_ value: Int64) -> Int64 {
        switch self {
        case .float, .int64: value
        case .int32: Int64(Int32(truncatingIfNeeded: value))
        case .uint8: Int64(UInt8(truncatingIfNeeded: value))
        case .int8: Int64(Int8(truncatingIfNeeded: value))
        case .bool: value == 0 ? 0 : 1
        }
    }
}

/// Whole numbers, row-major, each kept in 64 bits whatever its type.
public struct IntegerTensor: Hashable, Sendable {
    /// The lengths of the axes.
    public let shape: Shape
    /// The elements; as many as the shape has.
    public let values: [Int64]
    /// Any type but `float`.
    public let type: ElementType

    /// Makes a tensor; wraps values that the type cannot hold.
    public init(shape: Shape, values: [Int64], type: ElementType = .int64) {
        precondition(values.count == shape.count, "as many values as the shape has elements")
        precondition(type != .float, "whole numbers have a whole type")
        self.shape = shape
        self.values = type == .int64 ? values : values.map(type.wrapping)
        self.type = type
    }
}

/// What flows along an edge of a graph, with its elements.
public enum Value: Sendable {
    /// Floating-point numbers.
    case floats(Tensor)
    /// Whole numbers.
    case integers(IntegerTensor)

    /// A list of whole numbers, one axis.
    public static func list(_ values: [Int]) -> Value {
        .integers(IntegerTensor(shape: [values.count], values: values.map(Int64.init)))
    }

    /// One floating-point number.
    public static func scalar(_ value: Float) -> Value {
        .floats(Tensor(shape: [], values: [value]))
    }

    /// The lengths of the axes.
    public var shape: Shape {
        switch self {
        case .floats(let tensor): tensor.shape
        case .integers(let tensor): tensor.shape
        }
    }

    /// The kind of the elements.
    public var type: ElementType {
        switch self {
        case .floats: .float
        case .integers(let tensor): tensor.type
        }
    }

    /// The elements if they are floating point.
    public var tensor: Tensor? {
        if case .floats(let tensor) = self { tensor } else { nil }
    }

    /// The elements as machine words, whatever their kind.
    public var integerValues: [Int] {
        switch self {
        case .floats(let tensor): tensor.values.map { Int(clampingTowardZero: $0) }
        case .integers(let tensor): tensor.values.map { Int($0) }
        }
    }

    /// The elements as floating point, whatever their kind.
    public var floatValues: [Float] {
        switch self {
        case .floats(let tensor): tensor.values
        case .integers(let tensor): tensor.values.map(Float.init)
        }
    }

    /// The same elements under another shape of as many.
    public func reshaped(to shape: Shape) -> Value {
        switch self {
        case .floats(let tensor): .floats(tensor.reshaped(to: shape))
        case .integers(let tensor):
            .integers(IntegerTensor(shape: shape, values: tensor.values, type: tensor.type))
        }
    }

    /// The value made of the elements at the given positions, for operators that only move elements.
    func gathering(_ positions: [Int], shape: Shape) -> Value {
        switch self {
        case .floats(let tensor):
            let values = tensor.withUnsafeBuffer { source in positions.map { source[$0] } }
            return .floats(Tensor(shape: shape, values: values))
        case .integers(let tensor):
            return .integers(
                IntegerTensor(
                    shape: shape, values: positions.map { tensor.values[$0] }, type: tensor.type))
        }
    }
}

extension Int {
    /// The number without its fraction; the nearest representable one when it is out of range, 0 for NaN.
    init(clampingTowardZero value: Float) {
        if value.isNaN {
            self = 0
        } else if value >= 9.2e18 {
            self = .max
        } else if value <= -9.2e18 {
            self = .min
        } else {
            self = Int(value)
        }
    }
}
