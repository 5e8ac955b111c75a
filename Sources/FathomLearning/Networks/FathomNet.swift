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
            let unit = ConvGRU(name: "memory")
            if let clips = memory.clips {
                x = unit.build(&net, x, clips: clips)
            } else {
                stateDimensions = [
                    .named("batch"), .fixed(x.channels), .named("height/8"), .named("width/8"),
                ]
                x = unit.build(&net, x, stateDimensions)
                state = [(ConvGRU.stateInput, ConvGRU.stateOutput)]
            }
        }
        x = net.relu(net.normalized("refine", x, net.scaled(16)))
        x = net.depth("head", x, kernel: 1, interface)
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
    /// The name of the state before a frame.
    static let stateInput = "state"
    /// The name of the state after it.
    static let stateOutput = "state_out"
    let name: String

    /// The state after a frame, given the one before it as an input of the graph.
    func build(
        _ net: inout LayerBuilder, _ x: Features, _ dimensions: [Dimension]
    ) -> Features {
        let before = Features(
            edge: net.graph.input(Self.stateInput, dimensions), channels: x.channels)
        let state = step(&net, x, before)
        let output = net.graph.node("Identity", [state.edge], name: Self.stateOutput)
        return Features(edge: output, channels: x.channels)
    }

    /// The states after each frame of clips that begin with nothing in mind.
    func build(_ net: inout LayerBuilder, _ x: Features, clips: ClipShape) -> Features {
        var states: [Features] = []
        for frame in 0..<clips.frames {
            let part = Features(
                edge: net.graph.slice(
                    x.edge, axes: [0], from: [frame * clips.clips],
                    to: [(frame + 1) * clips.clips]), channels: x.channels)
            let nothing = Features(edge: net.graph.multiply(part.edge, 0), channels: x.channels)
            states.append(step(&net, part, states.last ?? nothing))
        }
        return Features(
            edge: net.graph.concatenate(states.map(\.edge), axis: 0), channels: x.channels)
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
