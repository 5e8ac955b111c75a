import FathomCore
import Foundation

/// How the learning rate moves with the steps: the section `schedule` of a training configuration.
public struct Schedule: Hashable, Sendable {
    /// The shape of the curve.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The same throughout.
        case constant
        /// Times `factor` every so many steps (torch.optim.lr_scheduler.StepLR, MultiStepLR).
        case step
        /// Half a cosine down to `minimum` (Loshchilov & Hutter 2017; CosineAnnealingLR without restarts).
        case cosine
        /// Up to the rate and down to nearly nothing, both by half a cosine (Smith & Topin 2018; OneCycleLR with
        /// its defaults, without the cycle of the momentum).
        case oneCycle = "one-cycle"
    }

    /// The shape of the curve.
    public var kind: Kind
    /// How long the rate rises: a share of all steps below 1, else a number of steps.
    ///
    /// Before all but one-cycle, whose own rise it is, the rate grows evenly from one part to the whole.
    public var warmup = 0.0
    /// `step`: what the rate is multiplied by.
    public var factor = 0.1
    /// `step`: steps between two drops.
    public var every: Int?
    /// `step`: the steps at which it drops, in rising order, instead of `every`.
    public var at: [Int] = []
    /// `cosine`: the last rate as a share of the first.
    public var minimum = 0.0
    /// `one-cycle`: the peak by the first rate.
    public var startDivisor = 25.0
    /// `one-cycle`: the first rate by the last.
    public var endDivisor = 1e4

    /// A schedule with the usual settings of its kind.
    public init(kind: Kind = .constant) {
        self.kind = kind
        if kind == .oneCycle { warmup = 0.3 }
    }

    /// Reads `{kind: one-cycle, warmup: 0.1, …}`.
    public init(_ section: ConfigurationSection) throws(FathomError) {
        self.init(kind: try section.choice("kind", default: .constant))
        warmup = try section.number("warmup", default: warmup, in: 0...1e9)
        guard warmup < 1 || warmup == warmup.rounded() else {
            throw section.error(
                "'warmup' is \(warmup)", "Give a share of the steps below 1, or whole steps")
        }
        switch kind {
        case .constant: break
        case .step:
            factor = try section.number("factor", default: factor, in: 1e-6...1)
            every = try section.integer("every", in: 1...1_000_000_000)
            at = try section.numbers("at").map { $0.map { Int(max(-1, min($0, 1e9))) } } ?? []
            guard (every == nil) != at.isEmpty else {
                throw section.error(
                    "it needs either 'every' or 'at'", "Add 'every: 1000' or 'at: [1000, 1500]'")
            }
            guard at.allSatisfy({ $0 > 0 }), zip(at, at.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw section.error("'at' doesn't rise", "Give rising numbers of steps above 0")
            }
        case .cosine:
            minimum = try section.number("minimum", default: minimum, in: 0...1)
        case .oneCycle:
            guard warmup < 1 else {
                throw section.error("'warmup' is \(warmup)", "Give a share of the steps below 1")
            }
            startDivisor = try section.number("startDivisor", default: startDivisor, in: 1...1e6)
            endDivisor = try section.number("endDivisor", default: endDivisor, in: 1...1e12)
        }
        try section.finish()
    }

    /// The rate's factor at a step (from 0 on) of so many.
    public func factor(step: Int, of steps: Int) -> Double {
        if kind == .oneCycle { return oneCycle(step, steps) }
        let rising = warmup < 1 ? Int((warmup * Double(steps)).rounded()) : Int(warmup)
        guard step >= rising else { return Double(step + 1) / Double(rising) }
        let (place, length) = (step - rising, max(steps - rising, 1))
        switch kind {
        case .constant, .oneCycle: return 1
        case .step:
            let drops = every.map { place / $0 } ?? at.filter { $0 <= place }.count
            return OptimizerLoops.power(factor, drops)
        case .cosine:
            return Self.between(1, minimum, Double(place) / Double(length))
        }
    }

    private func oneCycle(_ step: Int, _ steps: Int) -> Double {
        let first = 1 / startDivisor
        let top = warmup * Double(steps) - 1
        let end = Double(steps - 1)
        let place = Double(step)
        if place <= top {
            return Self.between(first, 1, top > 0 ? place / top : 1)
        }
        return Self.between(1, first / endDivisor, min((place - top) / max(end - top, 1e-9), 1))
    }

    /// Half a cosine from one value to another.
    private static func between(_ from: Double, _ to: Double, _ share: Double) -> Double {
        to + (from - to) / 2 * (1 + cos(.pi * share))
    }
}
