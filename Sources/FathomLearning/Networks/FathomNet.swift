import FathomCore
import FathomGraph

/// FathomNet: EfficientNet-Lite0 without its last stage, and a light decoder of depthwise convolutions that adds each
/// scale to the next finer one. Video networks have a ConvGRU in the decoder, at 1/8 of the size.
struct FathomNet {
    private let interface: NetworkInterface
    private let memory: Memory?
    /// Channels of the decoder at 1/2 … 1/32 of the size.
    private static let channels = [24, 40, 64, 96, 128]
    /// Sides of its depthwise convolutions, one a block.
    private static let kernels = [[3], [5], [5, 5], [5, 5], [7, 7]]

    /// What a video network remembers, and how its batches are made.
    struct Memory {
        /// Nil for one frame a time.
        var clips: ClipShape?
    }

    init(_ interface: NetworkInterface, memory: Memory?) {
        self.interface = interface
        self.memory = memory
    }

    func build(_ start: LayerBuilder) throws(FathomError) -> TrainableNetwork {
        var net = start
        let image = net.image()
        let features = EfficientNetLite0().build(&net, image)
        let widths = Self.channels.map(net.scaled)
        var x = net.relu(net.normalized("lateral.4", features[4], widths[4], kernel: 1))
        x = fuse(&net, 4, x)
        var state: [(input: String, output: String)] = []
        var stateDimensions: [Dimension] = []
        for level in (0..<4).reversed() {
            let coarse = net.normalized("up.\(level)", x, widths[level], kernel: 1)
            let fine = net.normalized("lateral.\(level)", features[level], widths[level], kernel: 1)
            x = fuse(&net, level, net.relu(net.add(net.upsample(coarse), fine)))
            guard level == 2, let memory else { continue }
            stateDimensions = [
                memory.clips.map { .fixed($0.clips) } ?? .named("batch"), .fixed(x.channels),
                .named("height/8"), .named("width/8"),
            ]
            let before = Features(
                edge: net.graph.input("state", stateDimensions), channels: x.channels)
            x = ConvGRU(name: "memory").build(&net, x, before, clips: memory.clips)
            state = [("state", ConvGRU.stateOutput)]
        }
        x = net.relu(net.normalized("refine", x, net.scaled(16)))
        x = net.positive(net.convolution("head", x, 1, kernel: 1), interface)
        return try net.finish(
            net.upsample(x, name: interface.learns.edgeName), state: state,
            stateDimensions: stateDimensions)
    }

    /// Blocks of a depthwise convolution and two 1×1 convolutions beside a shortcut: wide sight at a small price.
    private func fuse(_ net: inout LayerBuilder, _ level: Int, _ input: Features) -> Features {
        var x = input
        for (block, kernel) in Self.kernels[level].enumerated() {
            let name = "fuse.\(level).\(block)"
            var y = net.convolution(
                "\(name).depthwise", x, x.channels, kernel: kernel, groups: x.channels)
            y = net.relu(net.normalized("\(name).first", y, x.channels, kernel: 1))
            y = net.normalized("\(name).second", y, x.channels, kernel: 1, scale: 0.5)
            x = net.relu(net.add(x, y))
        }
        return x
    }
}

/// A convolutional gated recurrent unit (Ballas et al. 2016): h ← (1 − z) h + z tanh(…).
struct ConvGRU {
    /// The name of the state after the last frame.
    static let stateOutput = "state_out"
    let name: String

    /// Gives the state after each frame, as features of the frames; writes the last one as `stateOutput`.
    ///
    /// - Parameters:
    ///   - x: features of one frame, or of the frames of `clips`, in that order.
    ///   - before: the state before the first frame.
    func build(
        _ net: inout LayerBuilder, _ x: Features, _ before: Features, clips: ClipShape?
    ) -> Features {
        guard let clips else {
            let state = step(&net, x, before)
            let output = net.graph.node("Identity", [state.edge], name: Self.stateOutput)
            return Features(edge: output, channels: x.channels)
        }
        var state = before
        var states: [String] = []
        for frame in 0..<clips.frames {
            let part = net.graph.slice(
                x.edge, axes: [0], from: [frame * clips.clips], to: [(frame + 1) * clips.clips])
            state = step(&net, Features(edge: part, channels: x.channels), state)
            states.append(state.edge)
        }
        _ = net.graph.node("Identity", [state.edge], name: Self.stateOutput)
        return Features(edge: net.graph.concatenate(states, axis: 0), channels: x.channels)
    }

    private func step(_ net: inout LayerBuilder, _ x: Features, _ state: Features) -> Features {
        let channels = x.channels
        let gates = net.sigmoid(
            net.convolution("\(name).gates", net.concatenate([x, state]), 2 * channels))
        let update = net.channels(gates, 0..<channels)
        let reset = net.channels(gates, channels..<2 * channels)
        let candidate = net.tanh(
            net.convolution(
                "\(name).candidate", net.concatenate([x, net.multiply(reset, state)]), channels))
        // (1 − z) h + z c, with one product less.
        let change = Features(
            edge: net.graph.subtract(candidate.edge, state.edge), channels: channels)
        return net.add(state, net.multiply(update, change))
    }
}
