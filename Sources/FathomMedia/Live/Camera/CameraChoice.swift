import FathomCore
import Foundation

/// What is asked of a camera.
struct CameraChoice {
    let format: CameraFormat
    let width: Int
    let height: Int
    /// Frames a second; nil when the camera names none.
    let rate: Rational?

    /// What is aimed at where nothing is asked for.
    private static let target = (width: 1280, height: 720, rate: 30.0)

    /// The best of what a camera offers: nearest to the size asked for (1280×720 without), fast enough for the rate
    /// asked for (30 without), and with the least work to read it. `nil` when there is nothing usable.
    static func best(
        of capabilities: CameraCapabilities, format: String?, size: PixelSize?, rate: Rational?,
        rates: (CameraFormat, _ width: Int, _ height: Int) -> [Rational]
    ) -> CameraChoice? {
        let wanted = (size?.width ?? target.width, size?.height ?? target.height)
        let wantedRate = rate?.value ?? target.rate
        var best: (cost: Double, choice: CameraChoice)?
        for offer in capabilities.formats {
            guard let known = offer.known, format.map(known.isCalled) ?? true else { continue }
            for candidate in offer.sizes.map({ nearest($0, to: wanted) })
                + (offer.sizes.isEmpty ? [(wanted.0, wanted.1, [])] : [])
            {
                var (width, height, offered) = candidate
                if offered.isEmpty { offered = rates(known, width, height) }
                // Rates above what is asked for are no gain; with none named the driver's own has to do.
                let chosen = offered.min {
                    distance($0.value, wantedRate) < distance($1.value, wantedRate)
                }
                let shortfall = chosen.map { max(0, log2(wantedRate / $0.value)) } ?? 0.5
                // A size that was asked for comes first, then the rate, then how near the usual size is.
                let sizeCost =
                    (abs(log2(Double(width) / Double(wanted.0)))
                        + abs(log2(Double(height) / Double(wanted.1)))) * (size == nil ? 1 : 100)
                let rateCost = shortfall * (rate == nil ? 1.5 : 15)
                let cost = sizeCost + rateCost + known.penalty
                if best.map({ cost < $0.cost }) ?? true {
                    best = (
                        cost,
                        CameraChoice(format: known, width: width, height: height, rate: chosen)
                    )
                }
            }
        }
        return best?.choice
    }

    private static func distance(_ rate: Double, _ wanted: Double) -> Double {
        abs(log2(rate / wanted))
    }

    private static func nearest(
        _ sizes: CameraCapabilities.Sizes, to wanted: (Int, Int)
    ) -> (Int, Int, [Rational]) {
        switch sizes {
        case .exactly(let width, let height, let rates): return (width, height, rates)
        case .range(let widths, let heights, let widthStep, let heightStep, _):
            func snap(_ value: Int, _ range: ClosedRange<Int>, _ step: Int) -> Int {
                let bounded = min(max(value, range.lowerBound), range.upperBound)
                return range.lowerBound + (bounded - range.lowerBound) / step * step
            }
            return (
                snap(wanted.0, widths, widthStep), snap(wanted.1, heights, heightStep), []
            )
        }
    }
}
