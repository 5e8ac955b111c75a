import FathomCore

/// Remembers the best validation, and says when there has been none better for too long.
final class BestResult {
    /// Validations without a better one after which training stops; nil: never.
    let patience: Int?
    /// The step of the best one.
    private(set) var step: Int?
    /// The best one's metrics.
    private(set) var metrics: [String: Double] = [:]
    private var worseInARow = 0

    init(patience: Int?) { self.patience = patience }

    /// Whether training should stop.
    var isExhausted: Bool { patience.map { worseInARow >= $0 } ?? false }

    /// The metric that decides, where smaller is better: `absRel` where there is one, else the loss.
    static func score(_ metrics: [String: Double]) -> Double {
        let value = metrics["absRel"] ?? metrics["loss"] ?? .infinity
        return value.isNaN ? .infinity : value
    }

    /// Takes in a validation, and says whether it is the best so far.
    func take(_ new: [String: Double], step: Int) -> Bool {
        guard self.step == nil || Self.score(new) < Self.score(metrics) else {
            worseInARow += 1
            return false
        }
        self.step = step
        metrics = new
        worseInARow = 0
        return true
    }
}

extension BestResult: TensorStateful {
    func save(into state: inout TensorState) {
        state.numbers["best.worseInARow"] = worseInARow
        guard let step else { return }
        state.numbers["best.step"] = step
        for (name, value) in metrics { state.values["best/\(name)"] = value }
    }

    func restore(from state: TensorState) throws(FathomError) {
        worseInARow = try state.number("best.worseInARow")
        step = state.numbers["best.step"]
        metrics = [:]
        for (name, value) in state.values where name.hasPrefix("best/") {
            metrics[String(name.dropFirst(5))] = value
        }
    }
}
