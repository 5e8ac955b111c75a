import FathomCore
import Foundation

/// Turns the tensors of an ONNX file into values; everything in them is checked against what is there.
struct TensorReader {
    /// The model's name, for errors.
    let model: String
    /// Where external data may lie; nil where there is no folder.
    let folder: String?

    func error(_ cause: String, remedy: String = "") -> FathomError {
        FathomError(operation: "load", subject: "model \(model)", cause: cause, remedy: remedy)
    }

    /// The element types of the specification's `TensorProto.DataType`.
    private enum DataType: Int32 {
        case float = 1
        case uint8 = 2
        case int8 = 3
        case int32 = 6
        case int64 = 7
        case bool = 9
        case float16 = 10
        case double = 11
        case bfloat16 = 16

        var size: Int {
            switch self {
            case .uint8, .int8, .bool: 1
            case .float16, .bfloat16: 2
            case .float, .int32: 4
            case .int64, .double: 8
            }
        }

        var elementType: ElementType {
            switch self {
            case .float, .float16, .double, .bfloat16: .float
            case .uint8: .uint8
            case .int8: .int8
            case .int32: .int32
            case .int64: .int64
            case .bool: .bool
            }
        }
    }

    func elementType(_ code: Int32, _ subject: String) throws(FathomError) -> ElementType {
        try dataType(code, subject).elementType
    }

    private func dataType(_ code: Int32, _ subject: String) throws(FathomError) -> DataType {
        guard let type = DataType(rawValue: code) else {
            throw error("\(subject) has the element type \(code), which is not supported")
        }
        return type
    }

    /// The element type that a `Cast` names.
    static func elementType(castTo code: Int) -> ElementType? {
        Int32(exactly: code).flatMap(DataType.init(rawValue:))?.elementType
    }

    /// The value of a tensor in the file; `slice` is its raw data where that is not in the message itself.
    func value(
        _ tensor: Onnx_TensorProto, _ subject: String, slice: UnsafeRawBufferPointer? = nil
    ) throws(FathomError) -> Value {
        let type = try dataType(tensor.dataType, subject)
        guard let shape = Shape(checking: tensor.dims.map { Int(clamping: $0) }) else {
            throw error("\(subject) has the impossible shape \(tensor.dims)")
        }
        if tensor.dataLocation == .external {
            let bytes = try external(tensor, shape.count * type.size, subject)
            return try value(shape, type, bytes, subject)
        }
        if let slice { return try value(shape, type, slice, subject) }
        if tensor.hasRawData || shape.count == 0 {
            return try value(shape, type, tensor.rawData, subject)
        }
        func check(_ count: Int) throws(FathomError) {
            guard count == shape.count else {
                throw error(
                    "\(subject) has \(count) elements where its shape \(shape) has \(shape.count)")
            }
        }
        switch type {
        case .float:
            try check(tensor.floatData.count)
            return .floats(Tensor(shape: shape, values: tensor.floatData))
        case .double:
            try check(tensor.doubleData.count)
            return .floats(Tensor(shape: shape, values: tensor.doubleData.map { Float($0) }))
        case .float16, .bfloat16:
            try check(tensor.int32Data.count)
            let values = tensor.int32Data.map { bits in
                Self.float(UInt16(truncatingIfNeeded: bits), type)
            }
            return .floats(Tensor(shape: shape, values: values))
        case .int64:
            try check(tensor.int64Data.count)
            return .integers(IntegerTensor(shape: shape, values: tensor.int64Data))
        case .int32, .uint8, .int8, .bool:
            try check(tensor.int32Data.count)
            return .integers(
                IntegerTensor(
                    shape: shape, values: tensor.int32Data.map(Int64.init), type: type.elementType))
        }
    }

    /// Little-endian elements.
    private func value(
        _ shape: Shape, _ type: DataType, _ bytes: some ContiguousBytes & Collection<UInt8>,
        _ subject: String
    ) throws(FathomError) -> Value {
        guard bytes.count == shape.count * type.size else {
            throw error(
                "\(subject) has \(bytes.count) bytes where its shape \(shape) needs \(shape.count * type.size)"
            )
        }
        return bytes.withUnsafeBytes { raw in
            func load<T>(_ type: T.Type, _ index: Int) -> T {
                raw.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: type)
            }
            func floats(_ element: (Int) -> Float) -> Value {
                .floats(
                    Tensor(shape: shape) { target in
                        for index in target.indices {
                            target.initializeElement(at: index, to: element(index))
                        }
                    })
            }
            func integers(_ element: (Int) -> Int64) -> Value {
                .integers(
                    IntegerTensor(
                        shape: shape, values: (0..<shape.count).map(element),
                        type: type.elementType))
            }
            switch type {
            case .float:
                return .floats(
                    Tensor(shape: shape) { target in
                        UnsafeMutableRawBufferPointer(target).copyMemory(from: raw)
                    })
            case .double: return floats { Float(load(Double.self, $0)) }
            case .float16, .bfloat16: return floats { Self.float(load(UInt16.self, $0), type) }
            case .int64: return integers { load(Int64.self, $0) }
            case .int32: return integers { Int64(load(Int32.self, $0)) }
            case .uint8, .bool: return integers { Int64(load(UInt8.self, $0)) }
            case .int8: return integers { Int64(load(Int8.self, $0)) }
            }
        }
    }

    private static func float(_ bits: UInt16, _ type: DataType) -> Float {
        if type == .bfloat16 { return Float(bitPattern: UInt32(bits) << 16) }
        let sign: Float = bits & 0x8000 == 0 ? 1 : -1
        let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 1023))
        switch exponent {
        case 0: return sign * fraction * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default:
            return sign * Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
        }
    }

    /// Bytes in a file beside the model's; its name may not lead out of the folder.
    private func external(
        _ tensor: Onnx_TensorProto, _ size: Int, _ subject: String
    ) throws(FathomError) -> [UInt8] {
        guard let folder else {
            throw error("\(subject) lies in another file, and the model has no folder")
        }
        var entries: [String: String] = [:]
        for entry in tensor.externalData { entries[entry.key] = entry.value }
        guard let location = entries["location"], !location.isEmpty,
            let offset = Int(entries["offset"] ?? "0"), offset >= 0
        else { throw error("\(subject) names no valid place for its data") }
        let root = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        let file = URL(fileURLWithPath: folder).appendingPathComponent(location)
            .resolvingSymlinksInPath().path
        guard file.hasPrefix(root.hasSuffix("/") ? root : root + "/") else {
            throw error("\(subject) lies in '\(location)', outside the model's folder")
        }
        if let length = entries["length"].map({ Int($0) }), length != size {
            throw error("\(subject) has a length that does not fit its shape")
        }
        return try FileBytes.read(file, offset: offset, count: size)
    }
}
