import FathomDepth

/// Chooses the size of the network's input so that a rate of frames is reached (`--target-fps`).
///
/// It goes one step down as soon as a frame takes longer than there is time for, and one step up only after some
/// seconds in which the larger size would have fitted with room to spare: it must not swing.
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
    private static let settling = 10
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
        let mean = meanMs.map { $0 + (milliseconds - $0) * 0.2 } ?? milliseconds
        meanMs = mean
        frames += 1
        guard frames >= Self.settling else { return false }
        if mean > budgetMs * Self.share, step + 1 < sizes.count {
            change(to: step + 1)
            return true
        }
        guard step > 0 else { return false }
        let ratio = Double(sizes[step - 1]) / Double(sizes[step])
        framesWithRoom = mean * ratio * ratio < budgetMs * Self.easyShare ? framesWithRoom + 1 : 0
        guard Double(framesWithRoom) * budgetMs / 1000 >= Self.easySeconds else { return false }
        change(to: step - 1)
        return true
    }

    private mutating func change(to step: Int) {
        self.step = step
        meanMs = nil
        frames = 0
        framesWithRoom = 0
    }
}
