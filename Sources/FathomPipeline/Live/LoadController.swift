import FathomDepth

/// Chooses the size of the network's input so that a rate of frames is reached (`--target-fps`).
///
/// When frames take longer than there is time for, it goes down at once to the size that fits by estimate; up it goes
/// one step at a time, and only after some seconds in which the larger size would have fitted with room to spare: it
/// must not swing.
package struct LoadController {
    /// Long sides to choose from, largest first, in pixels.
    package let sizes: [Int]
    /// The size in use, as a place in `sizes`.
    package private(set) var step = 0
    private let budgetMs: Double
    private var meanMs: Double?
    private var frames = 0
    private var framesWithRoom = 0

    /// Frames after a change before the next one: the mean has to be of the new size.
    private static let settling = 5
    /// Part of the time between two frames that the work on one may take.
    private static let share = 0.9
    /// Part of it that the larger size may take, by estimate, before it is chosen again.
    private static let easyShare = 0.65
    /// Seconds for which the larger size has to fit.
    private static let easySeconds = 5.0
    private static let scales = [1.0, 5.0 / 6, 2.0 / 3, 0.5, 0.375]

    /// - Parameters:
    ///   - largest: the long side that the model has by itself.
    ///   - multiple: what sizes are whole multiples of.
    ///   - framesPerSecond: the rate to be reached.
    package init(largest: Int, multiple: Int, framesPerSecond: Double) {
        var sizes: [Int] = []
        for scale in Self.scales {
            let size =
                max(2, Int((Double(largest) * scale / Double(multiple)).rounded())) * multiple
            if size < sizes.last ?? .max { sizes.append(size) }
        }
        self.sizes = sizes
        budgetMs = 1000 / framesPerSecond
    }

    /// The long side to be used now.
    package var size: Int { sizes[step] }

    /// Takes note of the time that a frame took; returns whether the size changed.
    package mutating func note(milliseconds: Double) -> Bool {
        frames += 1
        // The first frame of a size pays for its plan.
        guard frames > 1 else { return false }
        let mean = meanMs.map { $0 + (milliseconds - $0) * 0.2 } ?? milliseconds
        meanMs = mean
        guard frames >= Self.settling else { return false }
        if mean > budgetMs * Self.share, step + 1 < sizes.count {
            let smaller = (step + 1)..<sizes.count
            change(
                to: smaller.first { mean * cost(of: $0) <= budgetMs * Self.share } ?? smaller.last
                    ?? step)
            return true
        }
        guard step > 0 else { return false }
        framesWithRoom =
            mean * cost(of: step - 1) < budgetMs * Self.easyShare ? framesWithRoom + 1 : 0
        guard Double(framesWithRoom) * budgetMs / 1000 >= Self.easySeconds else { return false }
        change(to: step - 1)
        return true
    }

    /// What a frame of another size takes, as a multiple of one of this size: it goes with the number of pixels.
    private func cost(of other: Int) -> Double {
        let ratio = Double(sizes[other]) / Double(sizes[step])
        return ratio * ratio
    }

    private mutating func change(to step: Int) {
        self.step = step
        meanMs = nil
        frames = 0
        framesWithRoom = 0
    }
}
