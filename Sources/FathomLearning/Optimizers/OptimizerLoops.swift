import CKernels
import FathomCore

/// Numbers that all elements of a parameter share in one step.
struct StepNumbers: Sendable {
    /// The learning rate, times the parameter's own factor.
    var rate: Double
    /// The weight decay.
    var decay: Double
    /// What gradients are multiplied by: the share of accumulation, and clipping.
    var gradientScale: Float
    /// The step, from 1 on.
    var step: Int
}

/// Where a stretch of a parameter and its states lie.
struct ParameterSpan: @unchecked Sendable {
    // Sendable: spans of one step do not overlap, and each is worked on by one thread.
    let weights: UnsafeMutablePointer<Float>
    let gradients: UnsafePointer<Float>
    /// The optimizer's states, as many as its kind keeps.
    let states: (UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?)
    let count: Int
}

/// The update rules, element by element as PyTorch defines them (torch.optim.SGD, Adam, AdamW), in float32.
///
/// The loops have neither branches nor sums, so that the compiler makes vectors of them.
enum OptimizerLoops {
    /// Moves a stretch of weights by one step.
    static func update(
        _ span: ParameterSpan, _ configuration: OptimizerConfiguration, _ numbers: StepNumbers
    ) {
        switch configuration.kind {
        case .sgd: descend(span, configuration, numbers)
        case .adam, .adamw: adapt(span, configuration, numbers)
        }
    }

    /// With momentum the buffer starts as the first gradient, which from zero is the ordinary rule.
    private static func descend(
        _ span: ParameterSpan, _ configuration: OptimizerConfiguration, _ numbers: StepNumbers
    ) {
        let (weights, gradients) = (span.weights, span.gradients)
        let (rate, decay) = (Float(numbers.rate), Float(numbers.decay))
        let (scale, momentum) = (numbers.gradientScale, Float(configuration.momentum))
        guard let buffer = span.states.0 else {
            for i in 0..<span.count {
                weights[i] -= rate * (scale * gradients[i] + decay * weights[i])
            }
            return
        }
        // Nesterov looks one step of the momentum ahead.
        let (ahead, own): (Float, Float) = configuration.isNesterov ? (momentum, 1) : (1, 0)
        for i in 0..<span.count {
            let gradient = scale * gradients[i] + decay * weights[i]
            let moved = momentum * buffer[i] + gradient
            buffer[i] = moved
            weights[i] -= rate * (own * gradient + ahead * moved)
        }
    }

    private static func adapt(
        _ span: ParameterSpan, _ configuration: OptimizerConfiguration, _ numbers: StepNumbers
    ) {
        guard let means = span.states.0, let squares = span.states.1 else { return }
        let isDecoupled = configuration.kind == .adamw
        // Powers by repeated products: the same on every machine, unlike a library's pow.
        let bias1 = 1 - power(configuration.beta1, numbers.step)
        let bias2 = 1 - power(configuration.beta2, numbers.step)
        var shared = fathom_adam()
        shared.keep = isDecoupled ? Float(1 - numbers.rate * numbers.decay) : 1
        shared.added = isDecoupled ? 0 : Float(numbers.decay)
        shared.scale = numbers.gradientScale
        shared.new_mean = Float(1 - configuration.beta1)
        shared.old_square = Float(configuration.beta2)
        shared.new_square = Float(1 - configuration.beta2)
        shared.size = Float(numbers.rate / bias1)
        shared.root = Float(bias2.squareRoot())
        shared.epsilon = Float(configuration.epsilon)
        fathom_adam_step(span.weights, span.gradients, means, squares, span.count, &shared)
    }

    /// base to a whole power, by squaring.
    static func power(_ base: Double, _ exponent: Int) -> Double {
        var (result, factor, left) = (1.0, base, exponent)
        while left > 0 {
            if left & 1 == 1 { result *= factor }
            factor *= factor
            left >>= 1
        }
        return result
    }

    /// The sum of squares in double precision; eight sums side by side, so that it is a loop over vectors.
    static func sumOfSquares(_ values: UnsafePointer<Float>, _ count: Int) -> Double {
        var sums = SIMD8<Double>()
        let whole = count / 8 * 8
        for start in stride(from: 0, to: whole, by: 8) {
            let raw = UnsafeRawPointer(values + start)
            let lane = SIMD8<Double>(raw.loadUnaligned(as: SIMD8<Float>.self))
            sums += lane * lane
        }
        var sum = sums.sum()
        for i in whole..<count { sum += Double(values[i]) * Double(values[i]) }
        return sum
    }

    /// target += share · (values − target)
    static func follow(
        _ target: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Float>, _ share: Float,
        _ count: Int
    ) {
        for i in 0..<count { target[i] += share * (values[i] - target[i]) }
    }

    /// target += values
    static func add(
        _ target: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Float>, _ count: Int
    ) {
        for i in 0..<count { target[i] += values[i] }
    }
}
