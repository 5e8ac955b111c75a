import FathomCore
import FathomGraph

/// A network as a training configuration describes it: `network: {kind: …}` with each kind's own keys.
public struct NetworkConfiguration: Hashable, Sendable {
    /// The networks there are.
    public enum Kind: String, CaseIterable, Hashable, Sendable {
        /// Mayer et al. 2016, in the form of Zhou et al. 2017 (SfMLearner).
        case dispnet
        /// DeepLab v3+ (Chen et al. 2018) on MobileNetV2, for one number a pixel.
        case deeplab
        /// A ResNet encoder (He et al. 2016) and a concatenating decoder (Ronneberger et al. 2015).
        case resnet
        /// A stack of convolutions: the baseline.
        case plain
        /// EfficientNet-Lite0 and a light decoder: the default model's family.
        case fathomnet
        /// FathomNet with a ConvGRU (Ballas et al. 2016) that remembers the frames before.
        case video
        /// The network of an ONNX file, with its weights.
        case file

        /// Those that are built from nothing.
        public static let designs = allCases.filter { $0 != .file }
    }

    /// Which network.
    public var kind: Kind
    /// The factor of all widths, 1/16…4; 1 is the paper's.
    public var width = 1.0
    /// Layers of a ResNet's encoder: 18, 34 or 50.
    public var depth = 18
    /// Convolutions of the plain network before its last.
    public var layers = 10
    /// An ONNX file with weights of the same names for the encoder of `fathomnet` and `video` (see
    /// `Scripts/convert_lite0.py`); nil begins with random ones.
    public var encoderFile: String?
    /// The network of kind `file`.
    public var file: NetworkFile?

    /// A network at its paper's widths.
    public init(_ kind: Kind) { self.kind = kind }

    /// Reads the section: `kind`, `width`; `depth` (resnet); `layers` (plain); `encoder: random|FILE` (fathomnet,
    /// video); `file: FILE` (file).
    public init(_ section: ConfigurationSection) throws(FathomError) {
        kind = try section.choice("kind", default: nil)
        if kind != .file { width = try section.number("width", default: 1, in: 0.0625...4) }
        switch kind {
        case .file: file = try NetworkFile(section.requiredText("file"))
        case .resnet:
            depth = try section.integer("depth", in: 18...50) ?? 18
            guard ResNetEncoder.stages[depth] != nil else {
                throw section.error("'depth' is \(depth)", "Give 18, 34 or 50")
            }
        case .plain: layers = try section.integer("layers", in: 1...64) ?? 10
        case .fathomnet, .video:
            let encoder = try section.text("encoder") ?? "random"
            encoderFile = encoder == "random" ? nil : encoder
            guard encoderFile == nil || width == 1 else {
                throw section.error(
                    "'encoder' is a file and 'width' is \(width)", "Weights fit width 1 only")
            }
        case .dispnet, .deeplab: break
        }
        try section.finish()
    }

    /// Both sides of the picture are multiples of it.
    public var sizeMultiple: Int {
        switch kind {
        case .plain: 1
        case .dispnet: 128
        case .deeplab, .resnet, .fathomnet, .video: 32
        case .file: file?.card.sizeMultiple ?? 1
        }
    }

    /// Whether it remembers the frames before, so that it learns from clips.
    public var hasMemory: Bool { kind == .video || file?.card.state.isEmpty == false }

    /// What people call it.
    var title: String {
        switch kind {
        case .file: file?.card.name ?? "the file's network"
        case .resnet: "resnet\(depth)"
        default: kind.rawValue
        }
    }

    /// Builds the network.
    ///
    /// - Parameters:
    ///   - seed: decides the first weights.
    ///   - interface: what goes in and what comes out.
    ///   - clips: for `video` in training, the clips that make a batch; nil is one frame a time, as it is used.
    /// - Returns: a graph with the input `image` (N×3×H×W) and the depth (N×1×H×W) as its first output, and with
    ///   `fathom.*` metadata.
    /// - Throws: when the encoder's weights cannot be read or do not fit.
    public func build(
        seed: UInt64, interface: NetworkInterface = NetworkInterface(), clips: ClipShape? = nil
    ) throws(FathomError) -> TrainableNetwork {
        if let file { return try file.build(interface, clips: clips) }
        let layers = LayerBuilder(
            GraphBuilder(name: kind.rawValue), seed: seed, width: width,
            initialization: initialization)
        var network: TrainableNetwork
        switch kind {
        case .dispnet: network = try DispNet(interface).build(layers)
        case .deeplab: network = try DeepLab(interface).build(layers)
        case .resnet: network = try ResNetUNet(interface, depth: depth).build(layers)
        case .plain: network = try PlainNetwork(interface, layers: self.layers).build(layers)
        case .fathomnet: network = try FathomNet(interface, memory: nil).build(layers)
        case .video:
            network = try FathomNet(interface, memory: .init(clips: clips)).build(layers)
        case .file:
            throw FathomError(
                .usage, operation: "build", subject: "a network of a file",
                cause: "no file is named", remedy: "Write 'network: {kind: file, file: PATH}'")
        }
        if let encoderFile {
            try EncoderWeights(file: encoderFile).load(into: &network.graph, interface)
        }
        network.graph.metadata = metadata(interface, network)
        return network
    }

    private var initialization: Initialization {
        switch kind {
        case .dispnet: .xavier
        case .plain: .kaimingFanIn
        case .deeplab, .resnet, .fathomnet, .video, .file: .kaimingFanOut
        }
    }

    private func metadata(
        _ interface: NetworkInterface, _ network: TrainableNetwork
    ) -> [String: String] {
        var metadata = interface.metadata
        metadata["fathom.name"] = title
        metadata["fathom.sizeMultiple"] = "\(sizeMultiple)"
        if !network.state.isEmpty {
            metadata["fathom.state"] = network.state.map { "\($0.input)=\($0.output)" }
                .joined(separator: ",")
        }
        return metadata
    }
}

/// What goes into a network and what comes out.
public struct NetworkInterface: Hashable, Sendable {
    /// What it learns to give.
    public var learns: DepthTarget
    /// The mean of red, green and blue in 0…1 that has been subtracted from the picture.
    public var mean: [Float]
    /// The standard deviation by which the picture has been divided.
    public var std: [Float]

    /// Inverse depth from pictures normalised by ImageNet's statistics, unless something else is said.
    public init(
        learns: DepthTarget = .inverseDepth, mean: [Float] = [0.485, 0.456, 0.406],
        std: [Float] = [0.229, 0.224, 0.225]
    ) {
        self.learns = learns
        self.mean = mean
        self.std = std
    }

    /// What a network's file says of it.
    var metadata: [String: String] {
        func list(_ numbers: [Float]) -> String {
            numbers.map { "\($0)" }.joined(separator: ",")
        }
        return [
            "fathom.mean": list(mean), "fathom.std": list(std),
            "fathom.output": learns.outputKind.rawValue,
        ]
    }
}

/// A batch of clips as a video network is trained on it: frame 0 of each clip, then frame 1 of each, and so on, so that
/// the batch has `frames` · `clips` pictures.
public struct ClipShape: Hashable, Sendable {
    /// Frames of a clip.
    public var frames: Int
    /// Clips of a batch.
    public var clips: Int

    /// Clips of as many frames each.
    public init(frames: Int, clips: Int) {
        self.frames = frames
        self.clips = clips
    }
}

extension LayerBuilder {
    /// The input of every network.
    mutating func image() -> Features {
        let edge = graph.input(
            "image", [.named("batch"), .fixed(3), .named("height"), .named("width")])
        return Features(edge: edge, channels: 3)
    }

    /// The network with its outputs stated: the depth, coarser scales (finest first), and states.
    ///
    /// - Parameters:
    ///   - depth: the depth at the picture's size.
    ///   - coarser: the depth at half, a quarter … of the size.
    mutating func finish(
        _ depth: Features, coarser: [Features] = [],
        state: [(input: String, output: String)] = [], stateDimensions: [Dimension] = []
    ) throws(FathomError) -> TrainableNetwork {
        let batch = Dimension.named("batch")
        graph.output(depth.edge, [batch, .fixed(1), .named("height"), .named("width")])
        for (index, output) in coarser.enumerated() {
            let part = 2 << index
            graph.output(
                output.edge, [batch, .fixed(1), .named("height/\(part)"), .named("width/\(part)")])
        }
        for pair in state { graph.output(pair.output, stateDimensions) }
        return TrainableNetwork(
            graph: try graph.finish(), parameters: parameters,
            auxiliaryOutputs: coarser.map(\.edge), state: state)
    }

    /// A network's last convolution, and what it gives as a depth: above 0 everywhere, but for a logarithm, which may be
    /// anything.
    ///
    /// Softplus, not ReLU: a ReLU that is 0 for a whole picture learns nothing more. It begins at
    /// `DepthTarget.typicalDepth`, so that the first steps do not throw the features about to get there.
    mutating func depth(
        _ name: String, _ x: Features, kernel: Int = 3, _ interface: NetworkInterface
    ) -> Features {
        let typical = interface.learns.typical
        let isLogarithm = interface.learns == .logDepth
        let start = isLogarithm ? typical : DepthTarget.softplusInverse(typical)
        let y = head(name, x, kernel: kernel, start: start)
        return isLogarithm ? y : softplus(y)
    }
}
