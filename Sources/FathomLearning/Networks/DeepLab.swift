import FathomCore
import FathomGraph

/// DeepLab v3+ (Chen et al. 2018) on MobileNetV2 (Sandler et al. 2018), for one number a pixel: output stride 16, atrous
/// spatial pyramid pooling at rates 6, 12 and 18, and a decoder that joins features of 1/4 of the size.
struct DeepLab {
    private let interface: NetworkInterface
    /// MobileNetV2's table 2; the last two stages have rate 2 in place of a stride, for output stride 16.
    private static let stages:
        [(expansion: Int, channels: Int, blocks: Int, stride: Int, rate: Int)] = [
            (1, 16, 1, 1, 1),
            (6, 24, 2, 2, 1), (6, 32, 3, 2, 1), (6, 64, 4, 2, 1), (6, 96, 3, 1, 1),
            (6, 160, 3, 1, 2),
            (6, 320, 1, 1, 2),
        ]
    private static let rates = [6, 12, 18]

    init(_ interface: NetworkInterface) { self.interface = interface }

    func build(_ start: LayerBuilder) throws(FathomError) -> TrainableNetwork {
        var net = start
        let image = net.image()
        let (low, high) = encode(&net, image)
        let pyramid = pool(&net, high)
        let detail = net.relu(net.normalized("decoder.low", low, net.scaled(48), kernel: 1))
        var x = net.concatenate([net.upsample(pyramid, by: 4), detail])
        x = separable(&net, "decoder.0", x)
        x = separable(&net, "decoder.1", x)
        x = net.depth("head", x, kernel: 1, interface)
        return try net.finish(net.upsample(x, by: 4, name: interface.learns.edgeName))
    }

    /// Features at 1/4 and at 1/16 of the size.
    private func encode(_ net: inout LayerBuilder, _ image: Features) -> (Features, Features) {
        var x = net.relu6(net.normalized("encoder.stem", image, net.scaled(32), stride: 2))
        var low = x
        var number = 0
        for (index, stage) in Self.stages.enumerated() {
            for block in 0..<stage.blocks {
                x = net.invertedResidual(
                    "encoder.blocks.\(number)", x, net.scaled(stage.channels),
                    expansion: stage.expansion, stride: block == 0 ? stage.stride : 1,
                    dilation: stage.rate)
                number += 1
            }
            if index == 1 { low = x }
        }
        return (low, x)
    }

    /// Atrous spatial pyramid pooling: what is seen at several distances, and in the whole picture.
    private func pool(_ net: inout LayerBuilder, _ x: Features) -> Features {
        let width = net.scaled(256)
        var parts = [net.relu(net.normalized("pyramid.0", x, width, kernel: 1))]
        for (index, rate) in Self.rates.enumerated() {
            parts.append(
                net.relu(net.normalized("pyramid.\(index + 1)", x, width, dilation: rate)))
        }
        var whole = Features(
            edge: net.graph.node("GlobalAveragePool", [x.edge]), channels: x.channels)
        // No batch norm here, unlike in the paper: of a batch of one picture it would leave nothing.
        whole = net.relu(net.convolution("pyramid.whole", whole, width, kernel: 1))
        parts.append(net.expanded(whole, to: x))
        return net.relu(net.normalized("pyramid.project", net.concatenate(parts), width, kernel: 1))
    }

    private func separable(_ net: inout LayerBuilder, _ name: String, _ x: Features) -> Features {
        let y = net.relu(net.normalized("\(name).depthwise", x, x.channels, groups: x.channels))
        return net.relu(net.normalized("\(name).pointwise", y, net.scaled(256), kernel: 1))
    }
}

extension LayerBuilder {
    /// N×C×1×1 repeated to the height and width of other features.
    fileprivate mutating func expanded(_ x: Features, to other: Features) -> Features {
        let shape = graph.node("Shape", [other.edge])
        let sides = graph.slice(shape, axes: [0], from: [2], to: [4])
        let whole = graph.concatenate([graph.constant([1, 1]), sides], axis: 0)
        return Features(edge: graph.node("Expand", [x.edge, whole]), channels: x.channels)
    }
}
