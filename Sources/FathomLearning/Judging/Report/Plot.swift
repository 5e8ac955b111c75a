/// Plots of bars as SVG, with axes and a few ticks, in the colours of the page (`currentColor`).
struct Plot {
    /// What stands above it.
    var title: String
    /// What stands below and beside it.
    var labels: (across: String, up: String)
    /// Heights of the bars; nil where there is nothing to show.
    var bars: [Double?]
    /// Texts below the edges between bars; empty ones are left out.
    var edges: [String]
    /// A second series of shares in 0…1, drawn as lines over the bars.
    var shares: [Double] = []
    /// An edge between bars that is marked by a line.
    var mark: Int?

    private static let (width, height) = (520.0, 250.0)
    private static let (left, right, top, bottom) = (58.0, 12.0, 14.0, 46.0)

    /// The plot as an SVG element.
    var svg: String {
        let across = Self.width - Self.left - Self.right
        let up = Self.height - Self.top - Self.bottom
        let highest = Self.niceTop(bars.compactMap { $0 }.max() ?? 0)
        let step = across / Double(max(bars.count, 1))
        func x(_ edge: Double) -> String { (Self.left + edge * step).formatted(digits: 1) }
        func y(_ share: Double) -> String { (Self.top + up * (1 - share)).formatted(digits: 1) }
        let base = Self.top + up
        var parts: [String] = []
        for tick in 0...4 {
            let share = Double(tick) / 4
            parts.append(
                "<line class='grid' x1='\(Self.left)' x2='\(Self.width - Self.right)' y1='\(y(share))' y2='\(y(share))'/>"
                    + "<text class='tick' text-anchor='end' x='\(Self.left - 6)' y='\(y(share))' dy='4'>\(Self.short(highest * share))</text>"
            )
        }
        for (index, bar) in bars.enumerated() {
            guard let bar, highest > 0 else { continue }
            let share = bar / highest
            let gap = min(step * 0.12, 3)
            parts.append(
                "<rect class='bar' x='\(x(Double(index) + gap / step / 2))' width='\((step - gap).formatted(digits: 1))' y='\(y(share))' height='\((up * share).formatted(digits: 1))'><title>\(edges[index])…\(edges[index + 1]): \(EvaluationResult.number(bar))</title></rect>"
            )
        }
        for (index, share) in shares.enumerated() {
            parts.append(
                "<line class='share' x1='\(x(Double(index)))' x2='\(x(Double(index + 1)))' y1='\(y(share))' y2='\(y(share))'/>"
            )
        }
        if let mark {
            parts.append(
                "<line class='mark' x1='\(x(Double(mark)))' x2='\(x(Double(mark)))' y1='\(Self.top)' y2='\(base)'/>"
            )
        }
        let every = max(1, (edges.count + 8) / 9)
        for (index, edge) in edges.enumerated() where index % every == 0 {
            parts.append(
                "<text class='tick' text-anchor='middle' x='\(x(Double(index)))' y='\(base + 16)'>\(edge)</text>"
            )
        }
        parts.append(
            "<text class='label' text-anchor='middle' x='\(Self.left + across / 2)' y='\(Self.height - 8)'>\(labels.across)</text>"
                + "<text class='label' text-anchor='middle' transform='translate(14 \(Self.top + up / 2)) rotate(-90)'>\(labels.up)</text>"
        )
        return
            "<figure><figcaption>\(title)</figcaption><svg viewBox='0 0 \(Int(Self.width)) \(Int(Self.height))' role='img' aria-label='\(title)'>\(parts.joined())</svg></figure>"
    }

    /// The next of 1, 2, 2.5, 5, 10 times a power of ten.
    private static func niceTop(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 1 }
        var power = 1.0
        while power > value { power /= 10 }
        while power * 10 <= value { power *= 10 }
        return [1, 2, 2.5, 5, 10].map { $0 * power }.first { $0 >= value } ?? 10 * power
    }

    /// Few digits.
    static func short(_ value: Double) -> String {
        let digits = value == 0 || abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : 3
        var text = value.formatted(digits: digits)
        if text.contains(".") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text
    }
}
