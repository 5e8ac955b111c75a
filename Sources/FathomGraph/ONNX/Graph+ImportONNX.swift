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
        let tensors = TensorReader(model: name, folder: folder)
        guard !bytes.isEmpty else { throw tensors.error("it is no ONNX file: it is empty") }
        let slices: [UnsafeRawBufferPointer?]?
        let model: Onnx_ModelProto
        do {
            let found = WeightSlices(bytes)
            model = try Onnx_ModelProto(serializedBytes: found?.rest ?? Data(bytes))
            slices = found?.slices
            if let slices, slices.count != model.graph.initializer.count {
                throw tensors.error("its initializers are not where they seem to be")
            }
        } catch let error as FathomError {
            throw error
        } catch {
            throw tensors.error("it is no ONNX file or is cut short (\(error))")
        }
        guard model.hasGraph, !model.graph.node.isEmpty || !model.graph.output.isEmpty else {
            throw tensors.error("it is no ONNX file: it has no graph")
        }
        guard !model.graph.output.isEmpty else { throw tensors.error("its graph has no output") }
        var reader = GraphReader(model, tensors)
        self = try reader.graph(model.graph, slices: slices)
        for entry in model.metadataProps { metadata[entry.key] = entry.value }
    }
}
