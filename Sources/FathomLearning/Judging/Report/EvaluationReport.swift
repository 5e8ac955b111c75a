import FathomCore
import FathomPicture

/// A page that stands by itself: the table, plots of errors, and the worst and best pictures beside their truth.
struct EvaluationReport {
    let result: EvaluationResult
    let gallery: CaseGallery

    /// The page as text.
    func html() throws(FathomError) -> String {
        var page = [
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
            "<meta name='viewport' content='width=device-width,initial-scale=1'>",
            "<title>\(Self.escaped(result.predictor.name)): depth judged</title>",
            "<style>\(Self.style)</style></head><body><main>",
            "<h1>\(Self.escaped(result.predictor.name))</h1>", facts, table,
            "<h2>Errors</h2><div class='plots'>\(histogram.svg)\(distance.svg)</div>",
        ]
        page.append(legend)
        page.append("<h2>Worst pictures</h2>")
        for item in gallery.worst { page.append(try section(item)) }
        if !gallery.otherBest.isEmpty {
            page.append("<h2>Best pictures</h2>")
            for item in gallery.otherBest { page.append(try section(item)) }
        }
        page.append("</main></body></html>\n")
        return page.joined(separator: "\n")
    }

    private var facts: String {
        var facts = [
            ("data", result.dataset), ("pictures", "\(result.pictures.count)"),
            ("pixels", "\(result.pixels)"),
        ]
        if let name = result.settings.protocolName { facts.append(("protocol", name.rawValue)) }
        facts += [
            ("alignment", result.alignment.words), ("crop", result.settings.crop.rawValue),
            ("cap", "\(Plot.short(result.settings.cap)) m"),
            ("floor", "\(Plot.short(result.settings.floor)) m"),
        ]
        if let precision = result.predictor.precision { facts.append(("precision", precision)) }
        if let sum = result.predictor.sha256 { facts.append(("SHA-256", "\(sum.prefix(16))…")) }
        if let scaling = result.scaling {
            facts.append(
                (
                    "scaling ratios",
                    "median \(EvaluationResult.number(scaling.median)), deviation \(EvaluationResult.number(scaling.deviation))"
                ))
        }
        if !result.skipped.isEmpty { facts.append(("skipped", "\(result.skipped.count)")) }
        let items = facts.map { "<div><dt>\($0.0)</dt><dd>\(Self.escaped($0.1))</dd></div>" }
        return "<dl>\(items.joined())</dl>"
    }

    private var table: String {
        let rows = Metric.allCases.map { metric in
            let value = result.metrics[metric].map(EvaluationResult.number) ?? "–"
            let note = result.notes[metric].map { " <em>\(Self.escaped($0))</em>" } ?? ""
            let sense = metric.isLargeGood ? "↑" : "↓"
            return
                "<tr><th>\(metric.rawValue)</th><td class='number'>\(value)</td><td class='sense'>\(sense)</td><td>\(Self.escaped(metric.words))\(note)</td></tr>"
        }
        return
            "<table><thead><tr><th>metric</th><td class='number'>value</td><td class='sense'>better</td><td>over known pixels: p prediction, g truth</td></tr></thead><tbody>\(rows.joined())</tbody></table>"
    }

    private var histogram: Plot {
        let counts = result.profile.histogram
        let total = Double(max(counts.reduce(0, +), 1))
        let range = ErrorProfile.histogramRange
        let step = (range.upperBound - range.lowerBound) / Double(counts.count)
        return Plot(
            title: "How often each relative error occurs",
            labels: (
                "(prediction − truth) / truth; both ends hold what lies beyond", "% of pixels"
            ),
            bars: counts.map { 100 * Double($0) / total },
            edges: (0...counts.count).map {
                Plot.short(((range.lowerBound + Double($0) * step) * 100).rounded() / 100)
            }, mark: counts.count / 2)
    }

    private var distance: Plot {
        let profile = result.profile
        let total = Double(max(profile.counts.reduce(0, +), 1))
        return Plot(
            title: "Error by distance (lines: share of pixels, 0…1)",
            labels: ("true depth, m", "mean |p − g| / g"), bars: profile.relativeErrors,
            edges: profile.edges.map { Plot.short(($0 * 100).rounded() / 100) },
            shares: profile.counts.map { Double($0) / total })
    }

    private var legend: String {
        let bars: [(ColorMap, String, String)] = [
            (.inferno, "far", "near"),
            (.viridis, "error 0", "\(Int(CasePicture.largestError * 100)) % and more"),
            (.magma, "saliency: decides nothing", "decides most of the relief"),
        ]
        let items = bars.filter { hasSaliency || $0.0 != .magma }.map {
            "<span class='bar-legend'>\($0.1)<i style='background:\(CasePicture.gradient($0.0))'></i>\($0.2)</span>"
        }
        return
            "<div class='legend'>\(items.joined())<span class='bar-legend'><i class='unknown'></i>unknown or not judged</span></div>"
    }

    private var hasSaliency: Bool { gallery.worst.contains { $0.saliency != nil } }

    private func section(_ item: CaseGallery.Case) throws(FathomError) -> String {
        let drawn = CasePicture(item)
        let near = Plot.short(Double(1 / drawn.range.upperBound))
        let far = drawn.range.lowerBound > 0 ? Plot.short(Double(1 / drawn.range.lowerBound)) : "∞"
        var figures = [
            ("picture", try drawn.input()),
            ("prediction, aligned", try drawn.depth(item.depth)),
            ("truth, \(near)…\(far) m", try drawn.depth(item.truth)),
            ("|p − g| / g", try drawn.error()),
        ]
        if let saliency = item.saliency {
            figures.append(("what decided", try drawn.saliency(saliency)))
        }
        let shown: [Metric] = [.absRel, .rmse, .delta1, .ordinal]
        let numbers = shown.compactMap { metric in
            item.result.metrics[metric].map { "\(metric.rawValue) \(EvaluationResult.number($0))" }
        }
        let cells = figures.map {
            "<figure><img alt='\($0.0)' src='\($0.1)'><figcaption>\($0.0)</figcaption></figure>"
        }
        return
            "<section><h3>\(Self.escaped(item.result.name)) <small>\(numbers.joined(separator: " · "))</small></h3><div class='case'>\(cells.joined())</div></section>"
    }

    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "'": result += "&#39;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
    }

    static let style = """
        :root{color-scheme:light dark;--ink:#1d2430;--pale:#5d6675;--line:#dde1e8;--paper:#fff;--bar:#2f6fb7}
        @media(prefers-color-scheme:dark){:root{--ink:#e4e8ef;--pale:#98a2b3;--line:#333a46;--paper:#14181f;--bar:#6aa5e8}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
        main{max-width:1280px;margin:0 auto;padding:28px 24px 60px}h1{margin:0 0 12px;font-size:26px}
        h2{margin:36px 0 12px;font-size:19px}h3{margin:18px 0 6px;font-size:15px;overflow-wrap:anywhere}
        h3 small{color:var(--pale);font-weight:400;margin-left:8px}
        dl{display:flex;flex-wrap:wrap;gap:6px 28px;margin:0 0 22px}dt{color:var(--pale);font-size:12px}
        dd{margin:0;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}
        th,td{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}
        thead *{color:var(--pale);font-weight:400;font-size:12px}tbody th{font-weight:600}
        .number{text-align:right;font-variant-numeric:tabular-nums;width:90px}.sense{width:60px;text-align:center;color:var(--pale)}
        em{color:var(--pale)}figure{margin:0}.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(380px,1fr));gap:24px}
        .plots figcaption{font-weight:600;margin-bottom:4px}svg{width:100%;height:auto;display:block}
        .grid{stroke:var(--line)}.tick,.label{fill:var(--pale);font:11px system-ui,sans-serif}.bar{fill:var(--bar)}
        .share{stroke:#d97b29;stroke-width:2.5}.mark{stroke:var(--ink);stroke-dasharray:3 3}
        .legend{display:flex;flex-wrap:wrap;gap:8px 30px;margin-top:28px;color:var(--pale);font-size:13px}
        .bar-legend{display:inline-flex;align-items:center;gap:8px}.bar-legend i{width:120px;height:12px;border-radius:2px}
        .bar-legend .unknown{width:16px;background:rgb(84,88,96)}
        .case{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:10px}
        .case img{width:100%;display:block;border-radius:3px}.case figcaption{color:var(--pale);font-size:12px;margin-top:2px}
        """
}
