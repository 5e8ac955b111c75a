import FathomCore

/// All that a training run goes by, read from YAML; whatever is wrong is an error here, before the first step.
public struct TrainingConfiguration: Sendable {
    /// How long training takes.
    public enum Length: Hashable, Sendable {
        /// So many steps.
        case steps(Int)
        /// So many times through the training split.
        case epochs(Double)
    }

    /// When and on what the weights are judged: `validation: {every, patience, samples, pictures, alignment}`.
    public struct Judging: Hashable, Sendable {
        /// Steps from one time to the next.
        public var every = 500
        /// Times without a better result after which training stops; nil: never.
        public var patience: Int?
        /// Validation samples that are judged, at most.
        public var samples = 100
        /// Samples of which pictures are kept, from the first on.
        public var pictures = 4
        /// How predictions are brought to metres; nil: as the losses leave it open.
        public var alignment: DepthAlignment?
    }

    /// Learning from pictures that were changed to mislead: `adversarial: {kind, epsilon, share, steps}`.
    public struct Adversarial: Hashable, Sendable {
        /// How pictures are changed.
        public var kind = AttackMethod.fgsm
        /// The largest change of a value in 0…1.
        public var epsilon = 0.008
        /// The share of the batches that is changed.
        public var share = 0.25
        /// Steps of `pgd`.
        public var steps = 5
    }

    /// The run's name.
    public var name: String
    /// Decides the first weights, the order of the samples and their augmentation.
    public var seed: UInt64
    /// What is trained.
    public var network: NetworkConfiguration
    /// What it is trained on.
    public var data: DataConfiguration
    /// How training samples are varied.
    public var augmentation: AugmentationConfiguration
    /// What it is trained for.
    public var loss: LossConfiguration
    /// How weights follow gradients.
    public var optimizer: OptimizerConfiguration
    /// How the rate moves.
    public var schedule: Schedule
    /// Samples (or clips) in a batch.
    public var batchSize: Int
    /// How long training takes.
    public var length: Length
    /// When the weights are judged; nil: never.
    public var validation: Judging?
    /// Adversarial training; nil: off.
    public var adversarial: Adversarial?
    /// The decay of the averaged weights; nil: none.
    public var ema: Double?
    /// Minutes from one checkpoint to the next.
    public var checkpointMinutes: Double
    /// The run's folder.
    public var output: String

    /// Reads a file.
    public init(file path: String) throws(FathomError) {
        try self.init(try ConfigurationSection(file: path))
    }

    /// Reads a configuration.
    public init(_ section: ConfigurationSection) throws(FathomError) {
        // Every key is asked for before anything within is read, so that a wrong key of the top is what is said first.
        let network = try section.section("network")
        let data = try section.section("data")
        let augmentation = try section.section("augmentation")
        let loss = try section.sections("loss")
        let optimizer = try section.section("optimizer")
        let schedule = try section.section("schedule")
        let validation = try section.section("validation")
        let adversarial = try section.section("adversarial")
        name = try section.requiredText("name")
        seed = UInt64(try section.integer("seed", in: 0...Int(Int32.max)) ?? 0)
        batchSize = try section.integer("batchSize", in: 1...4096) ?? 8
        let decay = try section.number("ema", default: 0.999, in: 0...0.999_999_9)
        ema = section.has("ema") ? decay : nil
        checkpointMinutes = try section.number("checkpointMinutes", default: 5, in: 0...10_000)
        output = try section.text("output") ?? "runs/\(name)"
        let steps = try section.integer("steps", in: 1...1_000_000_000)
        let times = try section.number("epochs", default: 1, in: 1e-6...1e6)
        let epochs = section.has("epochs") ? times : nil
        try section.finish()
        length = try Self.length(steps, epochs, section)

        self.network = try NetworkConfiguration(Self.required(network, "network", section))
        let dataSection = try Self.required(data, "data", section)
        self.data = try DataConfiguration(dataSection)
        try self.network.file?.complete(&self.data, dataSection)
        self.augmentation = AugmentationConfiguration()
        if let augmentation {
            self.augmentation = try AugmentationConfiguration(augmentation)
        }
        guard let loss else {
            throw section.error("'loss' is missing", "For example loss: [{kind: l1}]")
        }
        self.loss = try LossConfiguration(loss)
        self.optimizer = OptimizerConfiguration(kind: .adamw, rate: 1e-3)
        if let optimizer { self.optimizer = try OptimizerConfiguration(optimizer) }
        self.schedule = Schedule()
        if let schedule { self.schedule = try Schedule(schedule) }
        self.validation = try validation.map(Self.judging)
        self.adversarial = try adversarial.map(Self.adversarial)
        try check(section)
    }

    private static func required(
        _ part: ConfigurationSection?, _ key: String, _ section: ConfigurationSection
    ) throws(FathomError) -> ConfigurationSection {
        guard let part else {
            throw section.error("'\(key)' is missing", "Add '\(key): {kind: …}'")
        }
        return part
    }

    private static func length(
        _ steps: Int?, _ epochs: Double?, _ section: ConfigurationSection
    ) throws(FathomError) -> Length {
        switch (steps, epochs) {
        case (let steps?, nil): return .steps(steps)
        case (nil, let epochs?): return .epochs(epochs)
        default:
            throw section.error(
                steps == nil ? "'steps' is missing" : "both 'steps' and 'epochs' are there",
                "Give either 'steps: 20000' or 'epochs: 20'")
        }
    }

    private static func judging(
        _ section: ConfigurationSection
    ) throws(FathomError) -> Judging {
        var judging = Judging()
        judging.every = try section.integer("every", in: 1...1_000_000_000) ?? judging.every
        judging.patience = try section.integer("patience", in: 1...1_000_000)
        judging.samples = try section.integer("samples", in: 1...1_000_000) ?? judging.samples
        judging.pictures = try section.integer("pictures", in: 0...1000) ?? judging.pictures
        let alignment: DepthAlignment = try section.choice(
            "alignment", default: DepthAlignment.none)
        judging.alignment = section.has("alignment") ? alignment : nil
        try section.finish()
        return judging
    }

    private static func adversarial(
        _ section: ConfigurationSection
    ) throws(FathomError) -> Adversarial {
        var result = Adversarial()
        result.kind = try section.choice("kind", default: result.kind)
        result.epsilon = try section.number("epsilon", default: result.epsilon, in: 0...1)
        result.share = try section.number("share", default: result.share, in: 0...1)
        result.steps = try section.integer("steps", in: 1...1000) ?? result.steps
        try section.finish()
        return result
    }

    /// What parts ask of each other.
    private func check(_ section: ConfigurationSection) throws(FathomError) {
        let multiple = network.sizeMultiple
        let (width, height) = (data.size.width, data.size.height)
        guard width % multiple == 0, height % multiple == 0 else {
            func near(_ side: Int) -> Int { max((side + multiple / 2) / multiple, 1) * multiple }
            throw section.error(
                "data.size is \(width)x\(height), and \(network.title) takes multiples of \(multiple)",
                "Write 'size: \(near(width))x\(near(height))'")
        }
        if let fixed = network.file?.fixedSize, fixed != [width, height] {
            throw section.error(
                "data.size is \(width)x\(height), and \(network.title) takes nothing but \(fixed[0])x\(fixed[1])",
                "Write 'size: \(fixed[0])x\(fixed[1])'")
        }
        let isVideo = network.hasMemory
        guard !isVideo || data.clip > 1 else {
            throw section.error("a video network learns from clips", "Write 'clip: 4' under data")
        }
        guard isVideo || data.clip == 1 else {
            throw section.error(
                "data.clip is \(data.clip), and \(network.title) learns from single pictures",
                "Remove 'clip', or take 'network: {kind: video}'")
        }
        for input in loss.inputs {
            switch input {
            case "target":
                guard data.truth != .none else {
                    throw section.error(
                        "a loss needs depth, and data has 'truth: none'",
                        "Take losses that need none: [{kind: photometric}, {kind: smoothness, weight: 0.001}]"
                    )
                }
            case "previous", "next":
                guard data.neighbours else {
                    throw section.error(
                        "a loss needs the pictures before and after",
                        "Write 'neighbours: true' under data")
                }
            case "otherEye", "baseline":
                guard data.stereo else {
                    throw section.error(
                        "a loss needs the other eye's picture", "Write 'stereo: true' under data")
                }
            default: continue
            }
        }
    }
}
