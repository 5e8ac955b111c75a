import FathomCore
import Foundation
import SwiftProtobuf

extension Graph {
    /// The largest file that is read: protobuf's own limit.
    static let largestFileSize = Int(Int32.max)

    /// Reads a network from an ONNX file; external data must lie in the file's folder.
    public init(onnxFile path: String) throws(FathomError) {
        let file = try MappedFile(path, limit: Self.largestFileSize)
        let url = URL(fileURLWithPath: path)
        try self.init(
            onnx: file.bytes, name: url.lastPathComponent,
            folder: url.deletingLastPathComponent().path)
        withExtendedLifetime(file) {}
    }

    /// Reads a network from the bytes of an ONNX file; `name` is what errors call it. They are not kept.
    public init(onnx bytes: UnsafeRawBufferPointer, name: String) throws(FathomError) {
        try self.init(onnx: bytes, name: name, folder: nil)
    }

    /// Reads a network from the bytes of an ONNX file; `name` is what errors call it.
    public init(onnx bytes: [UInt8], name: String) throws(FathomError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(FathomError) in try Graph(onnx: bytes, name: name, folder: nil) }
        }
        self = try result.get()
    }

    private init(
        onnx bytes: UnsafeRawBufferPointer, name: String, folder: String?
    ) throws(FathomError) {
        func failure(_ cause: String, _ remedy: String = "") -> FathomError {
            FathomError(
                operation: "load", subject: "model \(name)", cause: cause, remedy: remedy)
        }
        guard !bytes.isEmpty else { throw failure("it is empty") }
        let slices: [UnsafeRawBufferPointer?]?
        let model: Onnx_ModelProto
        do {
            let found = WeightSlices(bytes)
            model = try Onnx_ModelProto(serializedBytes: found?.rest ?? Data(bytes))
            slices = found?.slices
            if let slices, slices.count != model.graph.initializer.count {
                throw failure("its initializers are not where they seem to be")
            }
        } catch let error as FathomError {
            throw error
        } catch {
            throw failure("it is no ONNX file or is cut short (\(error))")
        }
        guard model.hasGraph, !model.graph.node.isEmpty || !model.graph.output.isEmpty else {
            throw failure("it is no ONNX file: it has no graph")
        }
        var operatorSet: Int64 = 1
        for entry in model.opsetImport where entry.domain.isEmpty || entry.domain == "ai.onnx" {
            operatorSet = entry.version
        }
        let reader = TensorReader(model: name, folder: folder)
        var initializers: [String: Value] = [:]
        for (index, tensor) in model.graph.initializer.enumerated() {
            let value = try reader.value(
                tensor, "initializer '\(tensor.name)'", slice: slices?[index])
            guard initializers.updateValue(value, forKey: tensor.name) == nil else {
                throw failure("two initializers are named '\(tensor.name)'")
            }
        }
        var inputs: [ValueInfo] = []
        // Files of the first ONNX versions list the weights among the inputs.
        for input in model.graph.input where initializers[input.name] == nil {
            inputs.append(try ValueInfo(input, reader))
        }
        var outputs: [ValueInfo] = []
        for output in model.graph.output { outputs.append(try ValueInfo(output, reader)) }
        guard !outputs.isEmpty else { throw failure("its graph has no output") }
        var nodes: [Node] = []
        for node in model.graph.node { nodes.append(try Node(node, reader)) }
        var metadata: [String: String] = [:]
        for entry in model.metadataProps { metadata[entry.key] = entry.value }
        try self.init(
            name: name, inputs: inputs, outputs: outputs, nodes: nodes, initializers: initializers,
            metadata: metadata, operatorSet: Int(clamping: operatorSet))
    }
}

extension ValueInfo {
    fileprivate init(_ info: Onnx_ValueInfoProto, _ reader: TensorReader) throws(FathomError) {
        guard info.hasType, case .tensorType(let tensor)? = info.type.value else {
            throw reader.error("'\(info.name)' is not a tensor")
        }
        name = info.name
        type = try reader.elementType(tensor.elemType, "'\(info.name)'")
        guard tensor.hasShape else {
            dimensions = nil
            return
        }
        dimensions = tensor.shape.dim.map { dimension in
            switch dimension.value {
            case .dimValue(let length)? where length > 0: .fixed(Int(length))
            case .dimParam(let name)? where !name.isEmpty: .named(name)
            default: .unknown
            }
        }
    }
}

extension Node {
    fileprivate init(_ node: Onnx_NodeProto, _ reader: TensorReader) throws(FathomError) {
        let name = node.name.isEmpty ? (node.output.first ?? "") : node.name
        guard node.domain.isEmpty || node.domain == "ai.onnx" else {
            throw reader.error(
                "node '\(name)' uses the operator '\(node.opType)' of the domain '\(node.domain)', which Fathom does not have"
            )
        }
        var attributes: [String: Attribute] = [:]
        for attribute in node.attribute {
            let subject = "attribute '\(attribute.name)' of node '\(name)' (\(node.opType))"
            attributes[attribute.name] = try Attribute(attribute, reader, subject)
        }
        self.init(
            node.opType, name: name, inputs: node.input, outputs: node.output,
            attributes: attributes)
    }
}

extension Attribute {
    fileprivate init(
        _ attribute: Onnx_AttributeProto, _ reader: TensorReader, _ subject: String
    ) throws(FathomError) {
        switch attribute.type {
        case .int: self = .integer(Int(attribute.i))
        case .float: self = .float(attribute.f)
        case .string: self = .string(String(decoding: attribute.s, as: UTF8.self))
        case .ints: self = .integers(attribute.ints.map(Int.init))
        case .floats: self = .floats(attribute.floats)
        case .strings:
            self = .strings(attribute.strings.map { String(decoding: $0, as: UTF8.self) })
        case .tensor: self = .tensor(try reader.value(attribute.t, subject))
        case .undefined, .graph, .tensors, .graphs:
            throw reader.error("\(subject) is of a kind that is not supported")
        }
    }
}
