import FathomCore

/// How far one network's output is from another's, over any number of frames.
public struct OutputError: Sendable, Codable {
    /// Mean magnitude of the difference, as part of the span (greatest − least) of the first output in each frame.
    public private(set) var mean = 0.0
    /// The largest magnitude of the difference, as part of the span.
    public private(set) var largest = 0.0
    /// Pearson's correlation: the mean of the frames.
    public private(set) var correlation = 0.0
    /// Frames compared.
    public private(set) var frames = 0

    /// No frame yet.
    public init() {}

    /// Adds a frame's outputs, which have the same shape.
    public mutating func add(_ reference: Tensor, _ other: Tensor) {
        guard reference.count == other.count, reference.count > 0 else { return }
        let count = Double(reference.count)
        var sums = (x: 0.0, y: 0.0, xx: 0.0, yy: 0.0, xy: 0.0, difference: 0.0)
        var (least, greatest, most) = (Double.infinity, -Double.infinity, 0.0)
        reference.withUnsafeBuffer { first in
            other.withUnsafeBuffer { second in
                for index in first.indices {
                    let (x, y) = (Double(first[index]), Double(second[index]))
                    sums.x += x
                    sums.y += y
                    sums.xx += x * x
                    sums.yy += y * y
                    sums.xy += x * y
                    sums.difference += (x - y).magnitude
                    most = max(most, (x - y).magnitude)
                    least = min(least, x)
                    greatest = max(greatest, x)
                }
            }
        }
        let span = greatest > least ? greatest - least : max(greatest.magnitude, 1e-30)
        let deviation =
            ((sums.xx - sums.x * sums.x / count) * (sums.yy - sums.y * sums.y / count))
            .squareRoot()
        let alike = (sums.xy - sums.x * sums.y / count) / deviation
        let share = 1 / Double(frames + 1)
        mean += (sums.difference / count / span - mean) * share
        largest = max(largest, most / span)
        // Where one of them is flat there is nothing to correlate.
        correlation += ((alike.isFinite ? alike : most == 0 ? 1 : 0) - correlation) * share
        frames += 1
    }
}
