import FathomCore

extension Graph {
    /// The same network by ONNX's operator set 13, from 11 or 12; newer ones stay as they are, older ones too.
    ///
    /// Of the operators that set 13 changed in more than types, four take what were attributes as inputs, and softmax
    /// works along one axis where it took that and all behind it (ONNX, "Operator Changelog").
    func byOperatorSet13() throws(FathomError) -> Graph {
        guard (11...12).contains(operatorSet) else { return self }
        let settings = [
            "Squeeze": "axes", "Unsqueeze": "axes", "ReduceSum": "axes", "Split": "split",
        ]
        var graph = self
        graph.operatorSet = 13
        for (index, node) in nodes.enumerated() {
            if let setting = settings[node.operation] {
                guard let values = try node.integers(setting) else { continue }
                let name = "\(node.outputs[0])#\(setting)"
                graph.initializers[name] = .list(values)
                graph.nodes[index].attributes[setting] = nil
                graph.nodes[index].inputs = [node.inputs[0], name]
            } else if ["Softmax", "LogSoftmax", "Hardmax"].contains(node.operation) {
                // Along the last axis both mean the same; the default was 1 and is the last now.
                guard try node.integer("axis", default: 1) == -1 else {
                    throw node.error(
                        "its axis has another meaning in operator set 13",
                        remedy: "Export the model with operator set 13 or newer")
                }
            }
        }
        return graph
    }
}
