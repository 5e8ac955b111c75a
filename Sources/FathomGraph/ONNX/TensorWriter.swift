import FathomCore
import Foundation

/// Turns values into the tensors of an ONNX file: the counterpart of `TensorReader`.
enum TensorWriter {
    /// A tensor with its elements as little-endian bytes.
    static func tensor(_ value: Value, name: String = "") -> Onnx_TensorProto {
        var proto = Onnx_TensorProto()
        if !name.isEmpty { proto.name = name }
        proto.dims = value.shape.dimensions.map(Int64.init)
        proto.dataType = value.type.onnxCode
        proto.rawData = bytes(value)
        return proto
    }

    private static func bytes(_ value: Value) -> Data {
        guard let tensor = value.tensor else { return bytes(of: value) }
        return tensor.withUnsafeBuffer { elements in
            switch value.type {
            case .double: pack(elements.map { Double($0) })
            case .float16: pack(elements.map { Float16($0).bitPattern })
            case .bfloat16: pack(elements.map { UInt16($0.bitPattern >> 16) })
            default: Data(buffer: elements)
            }
        }
    }

    private static func bytes(of value: Value) -> Data {
        guard case .integers(let tensor) = value else { return Data() }
        switch tensor.type.bits {
        case 64: return pack(tensor.values)
        case 32: return pack(tensor.values.map { Int32(truncatingIfNeeded: $0) })
        case 16: return pack(tensor.values.map { Int16(truncatingIfNeeded: $0) })
        case 8: return pack(tensor.values.map { UInt8(truncatingIfNeeded: $0) })
        case let bits: return Data(packed(tensor.values, bits: bits))
        }
    }

    /// Several elements in a byte, the first in the lowest bits.
    private static func packed(_ values: [Int64], bits: Int) -> [UInt8] {
        let each = 8 / bits
        let mask = UInt8((1 << bits) - 1)
        var bytes = [UInt8](repeating: 0, count: (values.count + each - 1) / each)
        for (index, value) in values.enumerated() {
            let part = UInt8(truncatingIfNeeded: value) & mask
            bytes[index / each] |= part << UInt8(index % each * bits)
        }
        return bytes
    }

    /// The processors that Fathom runs on are little-endian, as the file is.
    private static func pack<Element: BitwiseCopyable>(_ elements: [Element]) -> Data {
        elements.withUnsafeBufferPointer { Data(buffer: $0) }
    }
}
