import FathomCore
import FathomGraph

extension TrainableNetwork {
    /// The network with other weights and statistics, each flat and as many numbers as it has; names that the network
    /// doesn't have belong to the loss and are passed over.
    public func with(_ weights: NetworkWeights) throws(FathomError) -> TrainableNetwork {
        var network = self
        for (name, tensor) in weights {
            guard let old = graph.initializers[name] else { continue }
            guard old.shape.count == tensor.count else {
                throw Self.error(name, "it has \(tensor.count) numbers, not \(old.shape.count)")
            }
            network.graph.initializers[name] = .floats(tensor.reshaped(to: old.shape))
        }
        return network
    }

    /// Names of the running means and variances of batch norms.
    public var statistics: [String] {
        graph.nodes.filter { $0.operation == "BatchNormalization" && $0.inputs.count == 5 }
            .flatMap { $0.inputs[3...4] }
    }

    /// The weights and statistics of an ONNX file for this network; each one must be there, in its shape.
    public func weights(ofFile path: String) throws(FathomError) -> NetworkWeights {
        let file = try Graph(onnxFile: path)
        var weights: NetworkWeights = [:]
        for name in parameters + statistics {
            guard let wanted = graph.initializers[name]?.shape else { continue }
            guard let value = file.initializers[name] else {
                let near = nearestName(to: name, among: file.initializers.keys.sorted())
                throw FathomError(
                    .usage, operation: "begin with", subject: path,
                    cause: "it has no weight '\(name)'",
                    remedy: near.map { "It has '\($0)': is it of another kind of network?" }
                        ?? "It must be of the same network, with the same widths")
            }
            guard let tensor = value.tensor, value.shape == wanted else {
                throw FathomError(
                    .usage, operation: "begin with", subject: path,
                    cause: "its weight '\(name)' is \(value.shape), not \(wanted)",
                    remedy: "It must be of the same network, with the same widths")
            }
            weights[name] = tensor
        }
        return weights
    }

    private static func error(_ name: String, _ cause: String) -> FathomError {
        FathomError(operation: "set", subject: "the weight '\(name)'", cause: cause)
    }
}
