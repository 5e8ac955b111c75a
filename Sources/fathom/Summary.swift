import Fathom
import Foundation

/// What a person reads at the end of a run.
enum Summary {
    static func show(_ report: RunReport, _ error: FathomError?, isPartOfMany: Bool) {
        for warning in report.warnings { Terminal.error("warning: \(warning)") }
        if let error {
            if isPartOfMany { Terminal.error("fathom: \(error)") }
            return
        }
        let name = report.inputs.first?.path ?? ""
        var frames =
            "\(report.framesIn) frames in, \(report.framesOut) out, \(report.framesDropped) dropped"
        if report.framesSkipped > 0 { frames += ", \(report.framesSkipped) skipped as asked" }
        frames += ", \(report.decodeErrors) decode errors"
        if report.framesDamaged > 0 { frames += ", \(report.framesDamaged) frames damaged" }
        Terminal.error("\(name): \(frames)")
        Terminal.error(
            String(
                format: "%@ for %@ of video: %.1f fps, %.2f× real time, %.0f MB at most",
                MediaTime.short(seconds: report.seconds),
                MediaTime.short(seconds: report.realTimeFactor * report.seconds), report.fps,
                report.realTimeFactor, report.peakMemoryMB))
        let order = ["demux", "decode", "depth", "render", "encode", "mux", "files", "dump"]
        let stages = order.compactMap { name in
            report.stages[name].map {
                String(
                    format: "%@ %.1f ms", name,
                    $0.items > 0 ? $0.busySeconds / Double($0.items) * 1000 : 0)
            }
        }
        let limit = report.limitingStage.map { "; limited by \($0)" } ?? ""
        Terminal.error("per frame: \(stages.joined(separator: ", "))\(limit)")
        if !report.sceneCuts.isEmpty {
            Terminal.error("\(report.sceneCuts.count) scene cuts")
        }
        if report.result == .interrupted {
            Terminal.error("interrupted; what was made is complete and playable")
        }
        for output in report.outputs where output.path != "-" {
            Terminal.error("wrote \(output.path) (\(size(output.bytes)))")
        }
    }

    private static func size(_ bytes: Int64) -> String {
        bytes < 1_000_000
            ? String(format: "%.0f kB", Double(bytes) / 1e3)
            : String(format: "%.1f MB", Double(bytes) / 1e6)
    }
}
