import FathomCore

/// The numbers that a normalised picture (3×H×W) can have, and the L∞ balls within them; sizes are in the picture's own
/// numbers, 0…1.
struct PictureRange: Sendable {
    private let low: [Float]
    private let high: [Float]
    private let deviation: [Float]

    /// The range of pictures from which the mean has been subtracted and that have been divided by the deviation.
    init(mean: [Float], std: [Float]) {
        low = (0..<3).map { -mean[$0] / std[$0] }
        high = (0..<3).map { (1 - mean[$0]) / std[$0] }
        deviation = std
    }

    /// Moves every number by up to `epsilon` at random.
    func scatter(
        _ values: inout [Float], _ clean: [Float], _ epsilon: Float, _ random: inout SeededRandom
    ) {
        for place in values.indices {
            values[place] +=
                random.uniform(-1...1) * epsilon / deviation[place * 3 / clean.count]
        }
        project(&values, clean, epsilon)
    }

    /// Moves every number by `length` in the direction of its slope, and back into the ball around the clean picture.
    func climb(
        _ values: inout [Float], _ clean: [Float], _ slope: UnsafeBufferPointer<Float>,
        length: Float, _ epsilon: Float
    ) {
        for place in values.indices where slope[place] != 0 {
            let step = length / deviation[place * 3 / clean.count]
            values[place] += slope[place] > 0 ? step : -step
        }
        project(&values, clean, epsilon)
    }

    /// Back into the ball around the clean picture, and into what a picture can be.
    private func project(_ values: inout [Float], _ clean: [Float], _ epsilon: Float) {
        for place in values.indices {
            let channel = place * 3 / clean.count
            let reach = epsilon / deviation[channel]
            // A picture that was outside its range already (a letterbox is not) stays as far as it was.
            let least = min(max(clean[place] - reach, low[channel]), clean[place])
            let most = max(min(clean[place] + reach, high[channel]), clean[place])
            values[place] = min(max(values[place], least), most)
        }
    }
}
