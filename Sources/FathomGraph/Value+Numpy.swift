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
        func floating<T: BitwiseCopyable>(_ kind: T.Type, _ convert: (T) -> Float) -> Value {
            .floats(Tensor(shape: shape, values: array.elements(kind, convert)))
        }
        switch array.kind {
        case "f4": return floating(Float.self) { $0 }
        case "f8": return floating(Double.self) { Float($0) }
        case "f2": return floating(UInt16.self) { Float($0.asHalf) }
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

    /// Writes a file anew, in the value's own type.
    public static func write(_ value: Value, to path: String) throws(FathomError) {
        switch value {
        case .floats(let tensor), .typed(let tensor, _): try write(tensor, to: path)
        case .integers(let tensor):
            let (kind, width) =
                switch tensor.type {
                case .uint64: ("<u8", 8)
                case .int32: ("<i4", 4)
                case .uint32: ("<u4", 4)
                case .int16: ("<i2", 2)
                case .uint16: ("<u2", 2)
                case .uint8, .uint4, .uint2: ("|u1", 1)
                case .int8, .int4, .int2: ("|i1", 1)
                case .bool: ("|b1", 1)
                default: ("<i8", 8)
                }
            let bytes = tensor.values.flatMap { number in
                (0..<width).map { UInt8(truncatingIfNeeded: number >> (8 * Int64($0))) }
            }
            try write(header(tensor.shape, type: kind), bytes, to: path)
        }
    }
}

extension UInt16 {
    /// The number that these bits are as IEEE 754 binary16.
    fileprivate var asHalf: Double {
        let sign: Double = self >> 15 == 0 ? 1 : -1
        let (exponent, fraction) = (Int(self >> 10 & 31), Double(self & 1023))
        switch exponent {
        case 0: return sign * fraction * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default:
            return sign * (1024 + fraction)
                * Double(sign: .plus, exponent: exponent - 25, significand: 1)
        }
    }
}
