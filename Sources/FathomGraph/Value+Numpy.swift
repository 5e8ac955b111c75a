import FathomCore

/// Values in NumPy's `.npy` files, each in its own type.
extension NumpyFile {
    /// Reads a file; floating point of any width becomes float32, whole numbers keep their values.
    public static func readValue(_ path: String) throws(FathomError) -> Value {
        let array = try readArray(path)
        let shape = array.shape
        func whole<T: FixedWidthInteger & BitwiseCopyable>(_ kind: T.Type, _ type: ElementType)
            -> Value
        {
            .integers(
                IntegerTensor(
                    shape: shape,
                    values: array.elements(kind) { Int64(truncatingIfNeeded: $0) }, type: type))
        }
        func floating<T: BitwiseCopyable>(
            _ kind: T.Type, _ type: ElementType, _ convert: (T) -> Float
        ) -> Value {
            .numbers(Tensor(shape: shape, values: array.elements(kind, convert)), type: type)
        }
        switch array.kind {
        case "f4": return floating(Float.self, .float) { $0 }
        case "f8": return floating(Double.self, .double) { Float($0) }
        case "f2": return floating(Float16.self, .float16) { Float($0) }
        case "i8": return whole(Int64.self, .int64)
        case "u8": return whole(UInt64.self, .uint64)
        case "i4": return whole(Int32.self, .int32)
        case "u4": return whole(UInt32.self, .uint32)
        case "i2": return whole(Int16.self, .int16)
        case "u2": return whole(UInt16.self, .uint16)
        case "i1": return whole(Int8.self, .int8)
        case "u1": return whole(UInt8.self, .uint8)
        case "b1": return whole(UInt8.self, .bool)
        default:
            throw FathomError(
                operation: "read", subject: path, cause: "its elements are '\(array.kind)'",
                remedy: "It must hold floating-point or whole numbers, or truth values")
        }
    }

    /// Writes a file anew, in the value's own type; in the next wider one where NumPy does not have it.
    public static func write(_ value: Value, to path: String) throws(FathomError) {
        switch value {
        case .typed(let tensor, .float16):
            try write(tensor.values.map { Float16($0).bitPattern }, tensor.shape, "<f2", path)
        case .typed(let tensor, .double):
            try write(tensor.values.map { Double($0).bitPattern }, tensor.shape, "<f8", path)
        case .floats(let tensor), .typed(let tensor, _): try write(tensor, to: path)
        case .integers(let tensor):
            func write<T: FixedWidthInteger>(
                _ type: T.Type, _ kind: String
            ) throws(FathomError) {
                try Self.write(
                    tensor.values.map { T(truncatingIfNeeded: $0) }, tensor.shape, kind, path)
            }
            switch tensor.type {
            case .bool: try write(UInt8.self, "|b1")
            case .uint8, .uint4, .uint2: try write(UInt8.self, "|u1")
            case .int8, .int4, .int2: try write(Int8.self, "|i1")
            case .uint16: try write(UInt16.self, "<u2")
            case .int16: try write(Int16.self, "<i2")
            case .uint32: try write(UInt32.self, "<u4")
            case .int32: try write(Int32.self, "<i4")
            case .uint64: try write(UInt64.self, "<u8")
            default: try write(Int64.self, "<i8")
            }
        }
    }

    private static func write<T: FixedWidthInteger>(
        _ elements: [T], _ shape: Shape, _ kind: String, _ path: String
    ) throws(FathomError) {
        let bytes = elements.flatMap { element in
            (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: element >> T($0 * 8)) }
        }
        try write(header(shape, type: kind), bytes, to: path)
    }
}
