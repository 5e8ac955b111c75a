import FathomCore
import FathomDepth
import FathomGraph

/// The convolutions of EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation and with ReLU6), up to its
/// last stage but one, padded as TensorFlow does.
struct EfficientNetLite0 {
    /// Side of the depthwise convolution, stride, expansion, channels and blocks of each stage.
    private static let stages = [
        (kernel: 3, stride: 1, expansion: 1, channels: 16, blocks: 1),
        (kernel: 3, stride: 2, expansion: 6, channels: 24, blocks: 2),
        (kernel: 5, stride: 2, expansion: 6, channels: 40, blocks: 2),
        (kernel: 3, stride: 2, expansion: 6, channels: 80, blocks: 3),
        (kernel: 5, stride: 1, expansion: 6, channels: 112, blocks: 3),
        (kernel: 5, stride: 2, expansion: 6, channels: 192, blocks: 4),
    ]
    /// What its batch norms add to a variance.
    private static let epsilon: Float = 1e-3

    /// Features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture's size: the last ones of each.
    func build(_ net: inout LayerBuilder, _ image: Features) -> [Features] {
        let epsilon = net.epsilon
        net.epsilon = Self.epsilon
        defer { net.epsilon = epsilon }
        var x = net.normalized(
            "encoder.stem", image, net.scaled(32), stride: 2, border: .tensorFlow)
        x = net.relu6(x)
        var features: [Features] = []
        var number = 0
        for stage in Self.stages {
            if stage.stride == 2 { features.append(x) }
            for block in 0..<stage.blocks {
                x = net.invertedResidual(
                    "encoder.blocks.\(number)", x, net.scaled(stage.channels),
                    expansion: stage.expansion, kernel: stage.kernel,
                    stride: block == 0 ? stage.stride : 1, border: .tensorFlow)
                number += 1
            }
        }
        return features + [x]
    }
}

extension LayerBuilder {
    /// Expands by a 1×1 convolution, mixes each channel by itself, projects by a 1×1 convolution, and adds the input
    /// where shapes allow (Sandler et al. 2018, MobileNetV2).
    mutating func invertedResidual(
        _ name: String, _ x: Features, _ channels: Int, expansion: Int, kernel: Int = 3,
        stride: Int = 1, dilation: Int = 1, border: Border = .symmetric
    ) -> Features {
        var y = x
        if expansion != 1 {
            y = relu6(normalized("\(name).expand", x, expansion * x.channels, kernel: 1))
        }
        y = normalized(
            "\(name).depthwise", y, y.channels, kernel: kernel, stride: stride, dilation: dilation,
            groups: y.channels, border: border)
        y = normalized("\(name).project", relu6(y), channels, kernel: 1)
        return stride == 1 && x.channels == channels ? add(x, y) : y
    }
}

/// Weights of an encoder in an ONNX file, by the names that the layers have here.
struct EncoderWeights {
    let file: String

    /// Takes the place of the first weights of `encoder.*`.
    ///
    /// The file's `fathom.mean` and `fathom.std` say how pictures were normalised for it; the first convolution's
    /// weights and its batch norm's mean are changed so that the picture may be normalised as `interface` says.
    ///
    /// - Throws: when the file cannot be read, lacks a weight or has one of another shape.
    func load(into graph: inout Graph, _ interface: NetworkInterface) throws(FathomError) {
        let source = try Graph(onnxFile: file)
        let names = graph.initializers.keys.filter { $0.hasPrefix("encoder.") }.sorted()
        for name in names {
            guard let value = source.initializers[name], let tensor = value.tensor else {
                throw error("it has no weights '\(name)'")
            }
            guard tensor.shape == graph.initializers[name]?.shape else {
                throw error("its '\(name)' is \(tensor.shape)")
            }
            graph.initializers[name] = .floats(tensor)
        }
        let card = try ModelCard(
            metadata: source.metadata, subject: "the weights \(file)", defaultName: file)
        try adapt(&graph, from: card, to: interface)
    }

    /// With x = (p − m) / s for the picture p, the file's convolution saw (p − m') / s' = (x s + m − m') / s'.
    private func adapt(
        _ graph: inout Graph, from card: ModelCard, to interface: NetworkInterface
    ) throws(FathomError) {
        let (weightName, meanName) = ("encoder.stem.conv.weight", "encoder.stem.norm.running_mean")
        guard let weights = graph.initializers[weightName]?.tensor,
            let means = graph.initializers[meanName]?.tensor,
            weights.shape.rank == 4, weights.shape[1] == 3, means.shape == [weights.shape[0]],
            interface.mean.count == 3, interface.std.count == 3
        else { throw error("its first convolution doesn't read a picture") }
        let area = weights.shape[2] * weights.shape[3]
        var values = weights.values
        var shifted = means.values
        for index in values.indices {
            let color = index / area % 3
            shifted[index / (3 * area)] -=
                values[index] * (interface.mean[color] - card.mean[color]) / card.std[color]
            values[index] *= interface.std[color] / card.std[color]
        }
        graph.initializers[weightName] = .floats(Tensor(shape: weights.shape, values: values))
        graph.initializers[meanName] = .floats(Tensor(shape: means.shape, values: shifted))
    }

    private func error(_ cause: String) -> FathomError {
        FathomError(
            operation: "load", subject: "the encoder \(file)", cause: cause,
            remedy: "Make the file with Scripts/convert_lite0.py")
    }
}
