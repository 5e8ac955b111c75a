import FathomCore

/// How weights follow gradients: the section `optimizer` of a training configuration.
public struct OptimizerConfiguration: Hashable, Sendable {
    /// The rule by which a weight moves.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Stochastic gradient descent, with momentum where asked for.
        case sgd
        /// Kingma & Ba 2015; weight decay is added to the gradient.
        case adam
        /// Loshchilov & Hutter 2019: Adam with weight decay of its own.
        case adamw
    }

    /// The rule.
    public var kind: Kind
    /// The largest learning rate; the schedule moves it.
    public var rate: Double
    /// How much of a weight is taken away, per unit of learning rate.
    public var weightDecay = 0.0
    /// Whether biases and the weights of norms decay, too.
    public var decaysBiasesAndNorms = true
    /// What the rate of the encoder's weights is multiplied by; 0 keeps them as they are.
    public var encoderRate = 1.0
    /// SGD's momentum.
    public var momentum = 0.0
    /// Nesterov's form of the momentum.
    public var isNesterov = false
    /// Adam's decay of the mean gradient.
    public var beta1 = 0.9
    /// Adam's decay of the mean squared gradient.
    public var beta2 = 0.999
    /// What is added to Adam's denominator.
    public var epsilon = 1e-8
    /// The largest norm of all gradients together; larger ones are scaled down to it. nil: any.
    public var clip: Double?
    /// Batches whose mean gradient makes one step.
    public var accumulate = 1

    /// The rule's usual settings.
    public init(kind: Kind, rate: Double) {
        self.kind = kind
        self.rate = rate
        if kind == .adamw { weightDecay = 1e-2 }
    }

    /// Reads `{kind: adamw, rate: 1e-3, weightDecay: 1e-4, …}`.
    public init(_ section: ConfigurationSection) throws(FathomError) {
        let kind: Kind = try section.choice("kind", default: .adamw)
        guard try section.number("rate") != nil else {
            throw section.error("'rate' is missing", "Add 'rate: 1e-3'")
        }
        self.init(kind: kind, rate: try section.number("rate", default: 0, in: 0...1000))
        weightDecay = try section.number("weightDecay", default: weightDecay, in: 0...10)
        decaysBiasesAndNorms = try section.flag("decayBiasesAndNorms", default: true)
        encoderRate = try section.number("encoderRate", default: 1, in: 0...1000)
        let allowed: Set<String>
        switch kind {
        case .sgd:
            allowed = ["momentum", "nesterov"]
            momentum = try section.number("momentum", default: 0, in: 0...0.999_999)
            isNesterov = try section.flag("nesterov", default: false)
            guard !isNesterov || momentum > 0 else {
                throw section.error("'nesterov' needs a momentum", "Add 'momentum: 0.9'")
            }
        case .adam, .adamw:
            allowed = ["beta1", "beta2", "epsilon"]
            beta1 = try section.number("beta1", default: beta1, in: 0...0.999_999)
            beta2 = try section.number("beta2", default: beta2, in: 0...0.999_999_999)
            epsilon = try section.number("epsilon", default: epsilon, in: 1e-30...1)
        }
        let others = Set(["momentum", "nesterov", "beta1", "beta2", "epsilon"]).subtracting(allowed)
        if let stray = section.keys.first(where: others.contains) {
            throw section.error(
                "'\(stray)' means nothing to \(kind.rawValue)", "Remove it, or change 'kind'")
        }
        let limit = try section.number("clip", default: 1, in: 1e-12...1e12)
        clip = section.has("clip") ? limit : nil
        accumulate = try section.integer("accumulate", in: 1...4096) ?? 1
        try section.finish()
    }
}
