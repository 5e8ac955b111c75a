import FathomCore

/// A ResNet encoder with a decoder that joins each of its scales (U-Net), for one number a pixel.
///
/// At half the picture's size it gives a map that is interpolated to the whole.
struct ResNetUNet {
    private let interface: NetworkInterface
    private let depth: Int

    init(_ interface: NetworkInterface, depth: Int) {
        self.interface = interface
        self.depth = depth
    }

    func build(_ start: LayerBuilder) throws(FathomError) -> TrainableNetwork {
        var net = start
        let image = net.image()
        let features = ResNetEncoder(depth: depth).build(&net, image)
        var x = features[4]
        for (level, channels) in [(3, 256), (2, 128), (1, 64), (0, 32)] {
            let joined = net.concatenate([net.upsample(x), features[level]])
            x = net.relu(net.normalized("merge.\(level)", joined, net.scaled(channels)))
        }
        let map = net.depth("head", x, interface)
        return try net.finish(net.upsample(map, name: interface.learns.edgeName))
    }
}

/// The convolutions of ResNet-18, 34 and 50 (He et al. 2016, table 1), without the classifier.
struct ResNetEncoder {
    /// Blocks of each stage, by the number of layers.
    static let stages = [18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3]]
    private let blocks: [Int]
    private let hasBottlenecks: Bool

    init(depth: Int) {
        blocks = Self.stages[depth] ?? [2, 2, 2, 2]
        hasBottlenecks = depth >= 50
    }

    /// Features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture's size.
    func build(_ net: inout LayerBuilder, _ image: Features) -> [Features] {
        var x = net.normalized("encoder.stem", image, net.scaled(64), kernel: 7, stride: 2)
        x = net.relu(x)
        var features = [x]
        x.edge = net.graph.node(
            "MaxPool", [x.edge],
            [
                "kernel_shape": .integers([3, 3]), "strides": .integers([2, 2]),
                "pads": .integers([1, 1, 1, 1]),
            ])
        for (stage, channels) in [64, 128, 256, 512].enumerated() {
            for block in 0..<blocks[stage] {
                let name = "encoder.layer\(stage + 1).\(block)"
                let stride = stage > 0 && block == 0 ? 2 : 1
                x =
                    hasBottlenecks
                    ? bottleneck(&net, name, x, net.scaled(channels), stride)
                    : basic(&net, name, x, net.scaled(channels), stride)
            }
            features.append(x)
        }
        return features
    }

    /// Two 3×3 convolutions beside a shortcut.
    private func basic(
        _ net: inout LayerBuilder, _ name: String, _ x: Features, _ channels: Int, _ stride: Int
    ) -> Features {
        var y = net.relu(net.normalized("\(name).first", x, channels, stride: stride))
        y = net.normalized("\(name).second", y, channels)
        return net.relu(net.add(y, shortcut(&net, name, x, channels, stride)))
    }

    /// 1×1, 3×3 and 1×1 convolutions beside a shortcut; the stride is the 3×3's, as in the usual codes since 2016.
    private func bottleneck(
        _ net: inout LayerBuilder, _ name: String, _ x: Features, _ channels: Int, _ stride: Int
    ) -> Features {
        var y = net.relu(net.normalized("\(name).first", x, channels, kernel: 1))
        y = net.relu(net.normalized("\(name).second", y, channels, stride: stride))
        y = net.normalized("\(name).third", y, 4 * channels, kernel: 1)
        return net.relu(net.add(y, shortcut(&net, name, x, 4 * channels, stride)))
    }

    private func shortcut(
        _ net: inout LayerBuilder, _ name: String, _ x: Features, _ channels: Int, _ stride: Int
    ) -> Features {
        guard stride != 1 || x.channels != channels else { return x }
        return net.normalized("\(name).shortcut", x, channels, kernel: 1, stride: stride)
    }
}
