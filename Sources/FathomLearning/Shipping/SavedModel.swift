import FathomCore
import FathomGraph

/// A network as a TensorFlow SavedModel: one folder with `saved_model.pb`, whose graph holds the weights as constants
/// (`tensorflow/core/protobuf/saved_model.proto`, `meta_graph.proto`).
///
/// Inputs and outputs keep their names and their order of axes, N×C×H×W, under the signature `serving_default`. Within,
/// axes are N×H×W×C, as TensorFlow's kernels for CPUs have them.
public struct SavedModel: Sendable {
    /// The bytes of `saved_model.pb`.
    public let bytes: [UInt8]
    /// TensorFlow's operators in the graph, in order.
    public let operators: [String]

    /// The largest message that readers take.
    private static let largestSize = Int(Int32.max)

    /// Converts a graph; free axes stay free.
    ///
    /// - Throws: when an operator, or what a node says of it, has no counterpart here.
    public init(_ graph: Graph) throws(FathomError) {
        let weights = graph.initializers.values.reduce(0) { $0 + $1.shape.count * 4 }
        guard weights < Self.largestSize / 2 else {
            throw FathomError(
                operation: "export", subject: "model \(graph.name)",
                cause: "its weights have \(weights) bytes", remedy: "A SavedModel holds 1 GB here")
        }
        var converter = SavedModelConverter(graph)
        let ports = try converter.convert()
        operators = converter.tensorFlow.operators
        let nodes = converter.tensorFlow.nodes.bytes
        var file = WireWriter()
        file.number(1, 1)  // saved_model_schema_version
        file.message(2) { meta in
            meta.message(1) { info in
                info.text(4, "serve")
                info.text(5, "2.0.0")
            }
            meta.message(2) { definition in
                definition.append(nodes)
                definition.message(4) { $0.number(1, 1087) }  // versions.producer
            }
            meta.entry(5, "serving_default") { signature in
                for port in ports {
                    signature.entry(port.isInput ? 1 : 2, port.name) { tensor in
                        tensor.text(1, "\(port.node):0")
                        tensor.number(2, TensorFlowGraph.DataType.float.rawValue)
                        tensor.message(3) { TensorFlowGraph.write(port.shape, into: &$0) }
                    }
                }
                signature.text(3, "tensorflow/serving/predict")
            }
        }
        bytes = file.bytes
    }

    /// An input or output as a signature has it.
    struct Port {
        var name: String
        var node: String
        /// −1 is free.
        var shape: [Int]
        var isInput: Bool
    }
}
