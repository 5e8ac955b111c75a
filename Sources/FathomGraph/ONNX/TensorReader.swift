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

    /// An error about something that is right in ONNX but not understood here.
    func unsupported(_ cause: String) -> FathomError {
        FathomError(
            operation: FathomError.unsupported, subject: "model \(model)", cause: cause)
    }

    func elementType(_ code: Int32, _ subject: String) throws(FathomError) -> ElementType {
        guard let type = ElementType(onnxCode: Int(code)) else {
            throw unsupported("\(subject) has the element type \(code), which is not supported")
        }
        return type
    }

    /// The value of a tensor in the file; `slice` is its raw data where that is not in the message itself.
    func value(
        _ tensor: Onnx_TensorProto, _ subject: String, slice: UnsafeRawBufferPointer? = nil
    ) throws(FathomError) -> Value {
        let type = try elementType(tensor.dataType, subject)
        guard let shape = Shape(checking: tensor.dims.map { Int(clamping: $0) }) else {
            throw error("\(subject) has the impossible shape \(tensor.dims)")
        }
        let size = (shape.count * type.bits + 7) / 8
        if tensor.dataLocation == .external {
            let bytes = try external(tensor, size, subject)
            return Self.value(shape, type, bytes)
        }
        func raw(_ bytes: some ContiguousBytes & Collection) throws(FathomError) -> Value {
            guard bytes.count == size else {
                throw error(
                    "\(subject) has \(bytes.count) bytes where its shape \(shape) needs \(size)")
            }
            return Self.value(shape, type, bytes)
        }
        if let slice { return try raw(slice) }
        if tensor.hasRawData || shape.count == 0 { return try raw(tensor.rawData) }
        func check(_ count: Int) throws(FathomError) {
            guard count == shape.count else {
                throw error(
                    "\(subject) has \(count) elements where its shape \(shape) has \(shape.count)")
            }
        }
        func integers(_ values: [Int64]) throws(FathomError) -> Value {
            try check(values.count)
            return .integers(IntegerTensor(shape: shape, values: values, type: type))
        }
        switch type {
        case .float:
            try check(tensor.floatData.count)
            return .floats(Tensor(shape: shape, values: tensor.floatData))
        case .double:
            try check(tensor.doubleData.count)
            let values = tensor.doubleData.map { Float($0) }
            return .numbers(Tensor(shape: shape, values: values), type: type)
        case .float16, .bfloat16:
            try check(tensor.int32Data.count)
            let values = tensor.int32Data.map { bits in
                Self.float(UInt16(truncatingIfNeeded: bits), type)
            }
            return .numbers(Tensor(shape: shape, values: values), type: type)
        case .int64: return try integers(tensor.int64Data)
        case .uint32, .uint64:
            return try integers(tensor.uint64Data.map { Int64(bitPattern: $0) })
        case .int32, .int16, .int8, .uint16, .uint8, .bool:
            return try integers(tensor.int32Data.map(Int64.init))
        case .int4, .uint4, .int2, .uint2:
            let bytes = tensor.int32Data.map { UInt8(truncatingIfNeeded: $0) }
            try check(bytes.count == size ? shape.count : bytes.count)
            return Self.value(shape, type, bytes)
        }
    }

    /// Little-endian elements, as many as the shape has.
    private static func value(
        _ shape: Shape, _ type: ElementType, _ bytes: some ContiguousBytes
    ) -> Value {
        bytes.withUnsafeBytes { raw in
            func load<T>(_ type: T.Type, _ index: Int) -> T {
                raw.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: type)
            }
            func floats(_ element: (Int) -> Float) -> Value {
                let tensor = Tensor(shape: shape) { target in
                    for index in target.indices {
                        target.initializeElement(at: index, to: element(index))
                    }
                }
                return .numbers(tensor, type: type)
            }
            func integers(_ element: (Int) -> Int64) -> Value {
                .integers(
                    IntegerTensor(
                        shape: shape, values: (0..<shape.count).map(element), type: type))
            }
            switch type {
            case .float:
                return .floats(
                    Tensor(shape: shape) { target in
                        UnsafeMutableRawBufferPointer(target).copyMemory(from: raw)
                    })
            case .double: return floats { Float(load(Double.self, $0)) }
            case .float16, .bfloat16: return floats { Self.float(load(UInt16.self, $0), type) }
            case .int64, .uint64: return integers { load(Int64.self, $0) }
            case .int32, .uint32: return integers { Int64(load(Int32.self, $0)) }
            case .int16, .uint16: return integers { Int64(load(Int16.self, $0)) }
            case .int8, .uint8: return integers { Int64(load(Int8.self, $0)) }
            case .bool: return integers { Int64(load(UInt8.self, $0)) }
            case .int4, .uint4, .int2, .uint2:
                // Several in a byte, the first in the lowest bits; wrapping drops the others.
                let each = 8 / type.bits
                return integers { Int64(raw[$0 / each] >> UInt8($0 % each * type.bits)) }
            }
        }
    }

    private static func float(_ bits: UInt16, _ type: ElementType) -> Float {
        type == .bfloat16
            ? Float(bitPattern: UInt32(bits) << 16) : Float(Float16(bitPattern: bits))
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

extension Value {
    /// Reads a tensor from the bytes of a `TensorProto`, as ONNX's operator tests keep inputs and outputs.
    public init(onnxTensor bytes: [UInt8], name: String) throws(FathomError) {
        let reader = TensorReader(model: name, folder: nil)
        let tensor: Onnx_TensorProto
        do {
            tensor = try Onnx_TensorProto(serializedBytes: bytes)
        } catch {
            throw reader.error("it is no tensor or is cut short (\(error))")
        }
        self = try reader.value(tensor, "its tensor")
    }
}

extension FathomError {
    /// The `operation` of errors about what is right in ONNX but not understood here.
    public static let unsupported = "support"
}
