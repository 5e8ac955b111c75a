import Glibc

/// Errors of one picture, over the pixels whose truth is known; p is the prediction and g the truth, in metres.
///
/// Definitions: Eigen et al. 2014 as in monodepth2 and BTS; logarithms are natural unless the name says otherwise.
public struct DepthErrors: Hashable, Sendable {
    /// Mean |p − g|, in metres.
    public var mae = 0.0
    /// Median |p − g|, in metres.
    public var medianAE = 0.0
    /// Mean |p − g| / g.
    public var absRel = 0.0
    /// Mean (p − g)² / g, in metres.
    public var sqRel = 0.0
    /// Root of the mean (p − g)², in metres.
    public var rmse = 0.0
    /// Root of the mean (ln p − ln g)².
    public var rmseLog = 0.0
    /// Mean |log₁₀ p − log₁₀ g|.
    public var log10 = 0.0
    /// 100 · √(mean e² − (mean e)²) with e = ln p − ln g.
    public var silog = 0.0
    /// Share of pixels with max(p/g, g/p) < 1.25.
    public var delta1 = 0.0
    /// Share of pixels with max(p/g, g/p) < 1.25².
    public var delta2 = 0.0
    /// Share of pixels with max(p/g, g/p) < 1.25³.
    public var delta3 = 0.0

    /// Takes the errors of aligned predictions against truths, both positive and as many; nil for none.
    public init?(predictions: [Double], truths: [Double]) {
        precondition(predictions.count == truths.count, "a prediction for each truth")
        guard !truths.isEmpty else { return nil }
        var absolutes: [Double] = []
        absolutes.reserveCapacity(truths.count)
        var (logs, squaredLogs) = (0.0, 0.0)
        for (p, g) in zip(predictions, truths) {
            let error = p - g
            let magnitude = abs(error)
            absolutes.append(magnitude)
            mae += magnitude
            absRel += magnitude / g
            sqRel += error * error / g
            rmse += error * error
            let ratio = log(p / g)
            logs += ratio
            squaredLogs += ratio * ratio
            log10 += abs(ratio)
            let worst = max(p / g, g / p)
            if worst < 1.25 { delta1 += 1 }
            if worst < 1.25 * 1.25 { delta2 += 1 }
            if worst < 1.25 * 1.25 * 1.25 { delta3 += 1 }
        }
        let count = Double(truths.count)
        mae /= count
        absRel /= count
        sqRel /= count
        rmse = (rmse / count).squareRoot()
        rmseLog = (squaredLogs / count).squareRoot()
        log10 /= count * M_LN10
        let mean = logs / count
        silog = 100 * max(squaredLogs / count - mean * mean, 0).squareRoot()
        delta1 /= count
        delta2 /= count
        delta3 /= count
        medianAE = median(of: &absolutes)
    }
}

/// The median; the mean of the middle two of an even number. Reorders the values, of which there is at least one.
func median(of values: inout [Double]) -> Double {
    precondition(!values.isEmpty, "the median of something")
    let middle = values.count / 2
    let upper = values.selected(middle)
    guard values.count.isMultiple(of: 2) else { return upper }
    let lower = values[..<middle].max() ?? upper
    return (lower + upper) / 2
}

extension [Double] {
    /// The value that would stand at a place if all were sorted; all before that place are not larger
    /// (Hoare's quickselect with the middle of three as the pivot).
    fileprivate mutating func selected(_ place: Int) -> Double {
        var (low, high) = (0, count - 1)
        while low < high {
            let (a, b, c) = (self[low], self[low + (high - low) / 2], self[high])
            let pivot = Swift.max(Swift.min(a, b), Swift.min(Swift.max(a, b), c))
            var (left, right) = (low, high)
            while left <= right {
                while self[left] < pivot { left += 1 }
                while self[right] > pivot { right -= 1 }
                if left <= right {
                    swapAt(left, right)
                    left += 1
                    right -= 1
                }
            }
            if place <= right {
                high = right
            } else if place >= left {
                low = left
            } else {
                break
            }
        }
        return self[place]
    }
}
