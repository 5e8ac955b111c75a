import FathomCore
import FathomMedia
import FathomPicture
import Foundation

/// How a network's errors grew with the size of adversarial perturbations.
public struct AttackResult: Sendable {
    /// A picture as the network saw it, and what it made of it.
    struct Case: Sendable {
        let name: String
        let epsilon: Double
        let picture: Tensor
        let prediction: DepthPrediction
        let absRel: Double
    }

    /// The network.
    public var predictor: PredictorDescription
    /// The data.
    public var dataset: String
    /// How pictures were changed.
    public var method: AttackMethod
    /// In how many steps.
    public var steps: Int
    /// Crop, cap, floor.
    public var settings: JudgingSettings
    /// How predictions were aligned.
    public var alignment: DepthAlignment
    /// Pictures that were attacked.
    public var pictures = 0
    /// Pictures whose truth says nothing, or whose clean prediction runs against it.
    public var skipped = 0
    /// Perturbation sizes and means of the metrics.
    public var rows: [(epsilon: Double, metrics: [Metric: Double])] = []
    /// The largest change of a channel of a pixel that was made, in 0…1.
    public var largestChange: Float = 0
    /// The least and the greatest value of the changed pictures, in 0…1.
    public var pictureRange: ClosedRange<Float> = 0...0
    var cases: [Case] = []

    private static let shown: [Metric] = [.absRel, .rmse, .delta1, .silog, .ordinal]

    /// The lines of a table for a person.
    public var table: [String] {
        func padded(_ text: String) -> String {
            String(repeating: " ", count: max(10 - text.count, 1)) + text
        }
        var lines = [
            "model      \(predictor.name), \(predictor.precision ?? "")",
            "data       \(dataset), \(pictures) pictures, \(skipped) skipped",
            "attack     \(method.rawValue), \(steps) step\(steps == 1 ? "" : "s"); epsilon is in 0…1 of the picture",
            "judged     alignment \(alignment.rawValue), crop \(settings.crop.rawValue), cap \(Plot.short(settings.cap)) m",
            "   epsilon" + Self.shown.map { padded($0.rawValue) }.joined(),
        ]
        for row in rows {
            let values = Self.shown.map { metric in
                padded(row.metrics[metric].map { $0.formatted(digits: 4) } ?? "-")
            }
            lines.append(padded(Self.short(row.epsilon)) + values.joined())
        }
        return lines
    }

    /// As short as the number is.
    private static func short(_ epsilon: Double) -> String {
        epsilon == 0 ? "0" : epsilon < 1e-4 ? "\(epsilon)" : "\(Float(epsilon))"
    }

    func json() throws(FathomError) -> Data {
        var object: [String: Any] = [
            "model": predictor.name, "dataset": dataset, "method": method.rawValue,
            "steps": steps, "alignment": alignment.rawValue, "crop": settings.crop.rawValue,
            "cap": settings.cap, "pictures": pictures, "skipped": skipped,
            "epsilonUnit": "0…1 of the picture", "largestChange": Double(largestChange),
        ]
        object["precision"] = predictor.precision
        object["results"] = rows.map { row -> [String: Any] in
            var item: [String: Any] = ["epsilon": row.epsilon]
            for (metric, value) in row.metrics { item[metric.rawValue] = value }
            return item
        }
        do {
            return try JSONSerialization.data(
                withJSONObject: object,
                options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        } catch {
            throw FathomError(
                operation: "write", subject: "the attack's numbers",
                cause: error.localizedDescription)
        }
    }

    func html() throws(FathomError) -> String {
        func plot(_ metric: Metric) -> String {
            Plot(
                title: "\(metric.rawValue) by perturbation",
                labels: ("largest change of a pixel, in 0…1", metric.words),
                bars: rows.map { $0.metrics[metric] },
                edges: rows.map { Self.short($0.epsilon) } + [""]
            ).svg
        }
        var page = [
            "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>\(EvaluationReport.escaped(predictor.name)) attacked</title>",
            "<style>\(EvaluationReport.style)pre{overflow-x:auto}</style></head><body><main>",
            "<h1>\(EvaluationReport.escaped(predictor.name)): \(method.rawValue)</h1>",
            "<pre>\(EvaluationReport.escaped(table.joined(separator: "\n")))</pre>",
            "<div class='plots'>\(plot(.absRel))\(plot(.delta1))</div>",
            "<h2>Pictures as the network saw them, and what it made of them</h2>",
        ]
        var names: [String] = []
        for item in cases where !names.contains(item.name) { names.append(item.name) }
        for name in names {
            let own = cases.filter { $0.name == name }
            let range = Self.range(
                own[0].prediction.inverseDepth(
                    width: own[0].prediction.width, height: own[0].prediction.height))
            page.append("<section><h3>\(EvaluationReport.escaped(name))</h3><div class='case'>")
            for item in own {
                let words =
                    "ε \(Self.short(item.epsilon)), absRel \(item.absRel.formatted(digits: 4))"
                page.append(
                    "<figure><img alt='picture' src='\(try Self.encoded(item.picture))'><img alt='prediction' src='\(try Self.painted(item.prediction, range))'><figcaption>\(words)</figcaption></figure>"
                )
            }
            page.append("</div></section>")
        }
        page.append("</main></body></html>\n")
        return page.joined(separator: "\n")
    }

    private static func range(_ values: [Float]) -> ClosedRange<Float> {
        let sorted = values.sorted()
        let low = sorted[sorted.count / 50]
        return low...max(sorted[sorted.count - 1 - sorted.count / 50], low + 1e-6)
    }

    private static func encoded(_ picture: Tensor) throws(FathomError) -> String {
        let bytes = try StillImage.png(
            rgb: StillImage.interleaved(picture), width: picture.shape[2],
            height: picture.shape[1])
        return "data:image/png;base64," + Data(bytes).base64EncodedString()
    }

    /// Every prediction of a picture in the range of the clean one.
    private static func painted(
        _ prediction: DepthPrediction, _ range: ClosedRange<Float>
    ) throws(FathomError) -> String {
        let colors = ColorMap.inferno.colors(count: 256)
        let width = range.upperBound - range.lowerBound
        let values = prediction.inverseDepth(width: prediction.width, height: prediction.height)
        let plane = values.count
        var planes = [Float](repeating: 0, count: 3 * plane)
        for (place, value) in values.enumerated() {
            let share = min(max((value - range.lowerBound) / width, 0), 1)
            let color = colors[Int(share * 255)]
            planes[place] = Float(color.red)
            planes[plane + place] = Float(color.green)
            planes[2 * plane + place] = Float(color.blue)
        }
        return try encoded(
            Tensor(shape: [3, prediction.height, prediction.width], values: planes))
    }
}
