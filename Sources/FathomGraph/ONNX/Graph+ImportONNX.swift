import FathomCore
import Foundation
import SwiftProtobuf

extension Graph {
    /// The largest file that is read: protobuf's own limit.
    static let largestFileSize = Int(Int32.max)

    /// Reads a network from an ONNX file; external data must lie in the file's folder.
    public init(onnxFile path: String) throws(FathomError) {
        let bytes = try FileBytes.read(path, limit: Self.largestFileSize)
        let url = URL(fileURLWithPath: path)
        try self.init(
            onnx: Data(bytes), name: url.lastPathComponent,
            folder: url.deletingLastPathComponent().path)
    }

    /// Reads a network from the bytes of an ONNX file; `name` is what errors call it. They are not kept.
    public init(onnx bytes: UnsafeRawBufferPointer, name: String) throws(FathomError) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else {
            throw FathomError(operation: "load", subject: "model \(name)", cause: "it is empty")
        }
        let data = Data(
            bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count,
            deallocator: .none)
        try self.init(onnx: data, name: name, folder: nil)
    }

    /// Reads a network from the bytes of an ONNX file; `name` is what errors call it.
    public init(onnx bytes: [UInt8], name: String) throws(FathomError) {
        try self.init(onnx: Data(bytes), name: name, folder: nil)
    }

    private init(onnx data: Data, name: String, folder: String?) throws(FathomError) {
        let tensors = TensorReader(model: name, folder: folder)
        let model: Onnx_ModelProto
        do {
            model = try Onnx_ModelProto(serializedBytes: data)
        } catch {
            throw tensors.error("it is no ONNX file or is cut short (\(error))")
        }
        guard model.hasGraph, !model.graph.node.isEmpty || !model.graph.output.isEmpty else {
            throw tensors.error("it is no ONNX file: it has no graph")
        }
        guard !model.graph.output.isEmpty else { throw tensors.error("its graph has no output") }
        var reader = GraphReader(model, tensors)
        self = try reader.graph(model.graph)
        for entry in model.metadataProps { metadata[entry.key] = entry.value }
    }
}
