import FathomCore
import Foundation

/// DispNet (Mayer et al. 2016) in the form of SfMLearner (Zhou et al. 2017): seven levels down, seven up, and a disparity
/// at each of the four finest scales, which goes into the next finer one.
struct DispNet {
    private let interface: NetworkInterface
    private static let down: [(channels: Int, kernel: Int)] = [
        (32, 7), (64, 5), (128, 3), (256, 3), (512, 3), (512, 3), (512, 3),
    ]
    private static let up = [512, 512, 256, 128, 64, 32, 16]
    /// The first level of the way up that gives a disparity, at 1/8 of the size.
    private static let firstPrediction = 3

    init(_ interface: NetworkInterface) { self.interface = interface }

    func build(_ start: LayerBuilder) throws(FathomError) -> TrainableNetwork {
        var net = start
        let image = net.image()
        var x = image
        var skips: [Features] = []
        for (level, layer) in Self.down.enumerated() {
            let channels = net.scaled(layer.channels)
            x = net.relu(
                net.convolution("down.\(level).0", x, channels, kernel: layer.kernel, stride: 2))
            x = net.relu(net.convolution("down.\(level).1", x, channels, kernel: layer.kernel))
            skips.append(x)
        }
        var scales: [Features] = []
        for (level, channels) in Self.up.enumerated() {
            let width = net.scaled(channels)
            x = net.relu(net.transposedConvolution("up.\(level)", x, width))
            // Beside it, the features of that size on the way down; none at the picture's size.
            let skip = Self.down.count - 2 - level
            var parts = skip >= 0 ? [x, skips[skip]] : [x]
            if let coarser = scales.last { parts.append(net.upsample(coarser)) }
            x = net.relu(
                net.convolution(
                    "merge.\(level)", parts.count > 1 ? net.concatenate(parts) : x, width))
            if level >= Self.firstPrediction {
                scales.append(prediction(&net, level - Self.firstPrediction, x))
            }
        }
        var finest = scales.removeLast()
        finest.edge = net.graph.node("Identity", [finest.edge], name: interface.learns.edgeName)
        return try net.finish(finest, coarser: scales.reversed())
    }

    private func prediction(
        _ net: inout LayerBuilder, _ scale: Int, _ x: Features
    ) -> Features {
        let name = "predict.\(scale)"
        guard interface.learns == .inverseDepth else { return net.depth(name, x, interface) }
        // SfMLearner: 10 · sigmoid + 0.01, so that the depth lies between 0.1 and 100. A bias of 0 would say 0.2 m
        // everywhere, and the first steps away from there kill the sigmoid for good.
        let part = (interface.learns.typical - 0.01) / 10
        let y = net.head(name, x, start: log(part / (1 - part)))
        let scaled = net.graph.multiply(net.sigmoid(y).edge, 10)
        return Features(edge: net.graph.add(scaled, 0.01), channels: 1)
    }
}
