import FathomCore
import FathomGraph

/// Features within a network that is being built: N×C×H×W.
public struct Features: Hashable, Sendable {
    /// Their name in the graph.
    public var edge: String
    /// C.
    public var channels: Int

    /// Names features.
    public init(edge: String, channels: Int) {
        self.edge = edge
        self.channels = channels
    }
}

/// Builds a network layer by layer, with weights that have PyTorch's names and shapes: `LAYER.weight` and `LAYER.bias`
/// for convolutions, and `.running_mean` and `.running_var` besides for batch norms.
///
/// A layer's first weights depend on the seed, its name and its shape alone, so they stay the same when layers are added
/// beside it. A layer that is applied again, under the same name, has the same weights.
public struct LayerBuilder: Sendable {
    /// The graph as far as it has been built.
    public var graph: GraphBuilder
    /// Weights that are learnt, in the order of their layers.
    public private(set) var parameters: [String] = []
    /// How the weights of convolutions begin.
    public var initialization: Initialization
    /// The factor of all widths; see `scaled`.
    public let width: Double
    /// What batch norms add to a variance.
    public var epsilon: Float = 1e-5
    /// The share of a batch norm's running statistics that a step keeps.
    public var momentum: Float = 0.9
    private let seed: UInt64
    private var startingBias: Float = 0

    /// Zeros around a picture before a convolution of stride 2, where frameworks differ.
    public enum Border: Hashable, Sendable {
        /// As many before as behind (PyTorch).
        case symmetric
        /// One more behind than before at stride 2 (TensorFlow's "same" for even lengths).
        case tensorFlow
    }

    /// Starts a network; with a graph, goes on building that.
    public init(
        _ graph: GraphBuilder, seed: UInt64, width: Double = 1, initialization: Initialization
    ) {
        self.graph = graph
        self.seed = seed
        self.width = width
        self.initialization = initialization
    }

    /// A number of channels times the network's width: a multiple of 4, and 4 at least; as it is at width 1.
    public func scaled(_ channels: Int) -> Int {
        width == 1 ? channels : max(4, Int((Double(channels) * width / 4).rounded()) * 4)
    }

    /// A last convolution to one channel, whose answer to any picture is nearly `start` before it has learnt anything.
    public mutating func head(
        _ name: String, _ x: Features, kernel: Int = 3, start: Float
    ) -> Features {
        let usual = initialization
        (initialization, startingBias) = (.faint, start)
        defer { (initialization, startingBias) = (usual, 0) }
        return convolution(name, x, 1, kernel: kernel)
    }

    /// Convolution: `channels` × C/`groups` × `kernel` × `kernel` weights, output of the input's size over `stride`.
    public mutating func convolution(
        _ name: String, _ x: Features, _ channels: Int, kernel: Int = 3, stride: Int = 1,
        dilation: Int = 1, groups: Int = 1, bias: Bool = true, border: Border = .symmetric
    ) -> Features {
        let weight = learnt(
            "\(name).weight", [channels, x.channels / groups, kernel, kernel],
            fans: (x.channels / groups, channels / groups))
        var before = dilation * (kernel / 2)
        var behind = before
        if border == .tensorFlow, stride == 2 {
            before = (kernel - 2) / 2
            behind = kernel - 2 - before
        }
        var inputs = [x.edge, weight]
        if bias { inputs.append(self.bias("\(name).bias", channels)) }
        let output = graph.node(
            "Conv", inputs,
            [
                "kernel_shape": .integers([kernel, kernel]),
                "strides": .integers([stride, stride]),
                "dilations": .integers([dilation, dilation]), "group": .integer(groups),
                "pads": .integers([before, before, behind, behind]),
            ], name: graph.unused(name))
        return Features(edge: output, channels: channels)
    }

    /// Transposed convolution 3×3 to twice the size: C × `channels` × 3 × 3 weights and a bias.
    public mutating func transposedConvolution(
        _ name: String, _ x: Features, _ channels: Int
    ) -> Features {
        let weight = learnt(
            "\(name).weight", [x.channels, channels, 3, 3], fans: (x.channels, channels))
        let output = graph.node(
            "ConvTranspose", [x.edge, weight, bias("\(name).bias", channels)],
            [
                "kernel_shape": .integers([3, 3]), "strides": .integers([2, 2]),
                "pads": .integers([1, 1, 1, 1]), "output_padding": .integers([1, 1]),
            ], name: graph.unused(name))
        return Features(edge: output, channels: channels)
    }

    /// Batch normalisation (Ioffe and Szegedy 2015) with weights that begin at `scale`.
    public mutating func batchNorm(_ name: String, _ x: Features, scale: Float = 1) -> Features {
        func vector(_ part: String, _ value: Float) -> String {
            let values = [Float](repeating: value, count: x.channels)
            return graph.initializer(
                "\(name).\(part)", .floats(Tensor(shape: [x.channels], values: values)))
        }
        let inputs = [
            x.edge, vector("weight", scale), vector("bias", 0), vector("running_mean", 0),
            vector("running_var", 1),
        ]
        parameters += [inputs[1], inputs[2]]
        let output = graph.node(
            "BatchNormalization", inputs,
            ["epsilon": .float(epsilon), "momentum": .float(momentum)], name: graph.unused(name))
        return Features(edge: output, channels: x.channels)
    }

    /// The greater of x and 0.
    public mutating func relu(_ x: Features) -> Features { apply("Relu", x) }

    /// x within 0…6 (Howard et al. 2017): nothing grows beyond what few bits hold.
    public mutating func relu6(_ x: Features) -> Features {
        let limits = [graph.constant(0 as Float), graph.constant(6 as Float)]
        return Features(edge: graph.node("Clip", [x.edge] + limits), channels: x.channels)
    }

    /// ln(1 + eˣ): above 0 everywhere, and with a gradient everywhere.
    public mutating func softplus(_ x: Features) -> Features { apply("Softplus", x) }

    /// 1 / (1 + e⁻ˣ)
    public mutating func sigmoid(_ x: Features) -> Features { apply("Sigmoid", x) }

    /// The hyperbolic tangent.
    public mutating func tanh(_ x: Features) -> Features { apply("Tanh", x) }

    /// x + y
    public mutating func add(_ x: Features, _ y: Features) -> Features {
        Features(edge: graph.add(x.edge, y.edge), channels: x.channels)
    }

    /// x · y
    public mutating func multiply(_ x: Features, _ y: Features) -> Features {
        Features(edge: graph.multiply(x.edge, y.edge), channels: x.channels)
    }

    /// Channels of several features behind one another.
    public mutating func concatenate(_ parts: [Features]) -> Features {
        Features(
            edge: graph.concatenate(parts.map(\.edge), axis: 1),
            channels: parts.reduce(0) { $0 + $1.channels })
    }

    /// Some of the channels.
    public mutating func channels(_ x: Features, _ range: Range<Int>) -> Features {
        let part = graph.slice(
            x.edge, axes: [1], from: [range.lowerBound], to: [range.upperBound])
        return Features(edge: part, channels: range.count)
    }

    /// Bilinear interpolation to `factor` times the size, pixels being squares (PyTorch's align_corners=False).
    public mutating func upsample(
        _ x: Features, by factor: Int = 2, name: String? = nil
    ) -> Features {
        let side = Float(factor)
        let scales = graph.constant(Tensor(shape: [4], values: [1, 1, side, side]), near: "scales")
        let output = graph.node(
            "Resize", [x.edge, "", scales],
            [
                "mode": .string("linear"), "coordinate_transformation_mode": .string("half_pixel"),
            ], name: name)
        return Features(edge: output, channels: x.channels)
    }

    /// A convolution without bias, `NAME.conv`, and its batch norm, `NAME.norm`.
    public mutating func normalized(
        _ name: String, _ x: Features, _ channels: Int, kernel: Int = 3, stride: Int = 1,
        dilation: Int = 1, groups: Int = 1, border: Border = .symmetric, scale: Float = 1
    ) -> Features {
        let y = convolution(
            "\(name).conv", x, channels, kernel: kernel, stride: stride, dilation: dilation,
            groups: groups, bias: false, border: border)
        return batchNorm("\(name).norm", y, scale: scale)
    }

    private mutating func apply(_ operation: String, _ x: Features) -> Features {
        Features(edge: graph.node(operation, [x.edge]), channels: x.channels)
    }

    private mutating func learnt(
        _ name: String, _ shape: Shape, fans: (input: Int, output: Int)
    ) -> String {
        if graph.graph.initializers[name] != nil { return name }
        parameters.append(name)
        let area = shape[2] * shape[3]
        let values = initialization.weights(
            shape, fanIn: fans.input * area, fanOut: fans.output * area,
            random: SeededRandom(seed: seed, name: name))
        return graph.initializer(name, .floats(values))
    }

    private mutating func bias(_ name: String, _ count: Int) -> String {
        if graph.graph.initializers[name] != nil { return name }
        parameters.append(name)
        let values = [Float](repeating: startingBias, count: count)
        return graph.initializer(name, .floats(Tensor(shape: [count], values: values)))
    }
}
