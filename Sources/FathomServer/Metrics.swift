import FathomCore
import FathomPipeline
import Foundation

/// Writes Prometheus' text format, version 0.0.4. `Docs/Metrics.md` lists every name.
struct MetricsText {
    /// How a metric behaves.
    enum Kind: String {
        /// Only rises.
        case counter
        /// Goes up and down.
        case gauge
        /// Has quantiles.
        case summary
    }

    private(set) var text = ""

    /// A sample's labels, in order.
    typealias Labels = [(name: String, value: String)]

    /// A metric with its samples; nothing where there are none. A sample's name may have an ending of its own.
    mutating func add(
        _ name: String, _ kind: Kind, _ help: String,
        _ samples: [(ending: String, labels: Labels, value: Double)]
    ) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
            let block = labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
            text += "\(name)\(sample.ending)\(block) \(Self.number(sample.value))\n"
        }
    }

    /// A metric with one sample for each labels.
    mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [(Labels, Double)]
    ) {
        add(name, kind, help, samples.map { ("", $0.0, $0.1) })
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
    }
}

/// What `/metrics` says.
struct Metrics {
    /// How every source is.
    var statuses: [LiveStatus]
    /// Seconds since 1970 at which each source last published, where it has.
    var lastFrames: [Double?]
    /// Distinct views, and viewers by source.
    var views: (views: Int, viewers: [Int: Int])
    /// The server's own counters.
    var server: HTTPServer.Counts
    /// Seconds since 1970 at which the server was made.
    var started: Double

    /// The whole text.
    var text: String {
        var text = MetricsText()
        addSources(&text)
        addFrames(&text)
        addOutputs(&text)
        addServer(&text)
        return text.text
    }

    private typealias Labels = MetricsText.Labels

    private func each(_ value: (LiveStatus) -> Double?) -> [(Labels, Double)] {
        statuses.compactMap { status in value(status).map { ([Self.label(status)], $0) } }
    }

    private static func label(_ status: LiveStatus) -> (name: String, value: String) {
        ("source", "\(status.source)")
    }

    private func addSources(_ text: inout MetricsText) {
        text.add(
            "fathom_source_info", .gauge, "The source's address without password, and its codec.",
            statuses.map {
                ([Self.label($0), ("name", $0.name), ("codec", $0.codec)], 1)
            })
        text.add(
            "fathom_source_up", .gauge, "1 while the source plays.",
            each { $0.state == .playing ? 1 : 0 })
        text.add(
            "fathom_source_state", .gauge, "1 for the state that the source is in.",
            statuses.flatMap { status in
                LiveState.allCases.map { state in
                    (
                        [Self.label(status), ("state", state.rawValue)],
                        state == status.state ? 1 : 0
                    )
                }
            })
        text.add(
            "fathom_reconnects_total", .counter,
            "Times the source was connected again after a loss.",
            each { Double($0.reconnects) })
        text.add(
            "fathom_clock_jumps_total", .counter,
            "Jumps of the source's clock that were taken out.",
            each { Double($0.clockJumps) })
        text.add(
            "fathom_last_packet_age_seconds", .gauge, "Seconds since the source's last packet.",
            each(\.secondsSinceLastPacket))
        text.add(
            "fathom_last_frame_timestamp_seconds", .gauge,
            "When the last frame was published, in seconds since 1970.",
            zip(statuses, lastFrames).compactMap { status, time in
                time.map { ([Self.label(status)], $0) }
            })
    }

    private func addFrames(_ text: inout MetricsText) {
        text.add(
            "fathom_frames_in_total", .counter, "Frames that arrived.",
            each { Double($0.framesIn) })
        text.add(
            "fathom_frames_out_total", .counter, "Frames published with their depth.",
            each { Double($0.framesOut) })
        text.add(
            "fathom_frames_dropped_total", .counter,
            "Frames dropped before publication, by reason.",
            statuses.flatMap { status in
                // A counter that is missing until its first event can't be watched for a rise.
                let reasons = Set(["slow", "age"]).union(status.drops.keys)
                return reasons.sorted().map { reason in
                    ([Self.label(status), ("reason", reason)], Double(status.drops[reason] ?? 0))
                }
            })
        text.add(
            "fathom_frames_damaged_total", .counter, "Frames published although they are damaged.",
            each { Double($0.framesDamaged) })
        text.add(
            "fathom_decode_errors_total", .counter, "Packets that the decoder could not use.",
            each { Double($0.decodeErrors) })
        text.add(
            "fathom_input_frames_per_second", .gauge, "Frames a second that arrive.",
            each(\.inputRate))
        text.add(
            "fathom_arrival_jitter_seconds", .gauge,
            "Mean deviation of the intervals between arriving frames.",
            each { $0.jitterMs / 1000 })
        text.add(
            "fathom_output_frames_per_second", .gauge, "Frames a second that are published.",
            each(\.outputRate))
        text.add(
            "fathom_age_seconds", .summary,
            "Age of the last seconds' frames, from arrival to publication.",
            statuses.flatMap { status -> [(ending: String, labels: Labels, value: Double)] in
                let age = status.recentAgeMs
                let quantiles = [("0.5", age.p50), ("0.95", age.p95), ("0.99", age.p99)]
                return quantiles.map {
                    ("", [Self.label(status), ("quantile", $0)], $1 / 1000)
                } + [("_count", [Self.label(status)], Double(status.framesOut))]
            })
        text.add(
            "fathom_age_max_seconds", .gauge, "The greatest age of any frame so far.",
            each { $0.ageMs.max / 1000 })
        text.add(
            "fathom_stage_load_ratio", .gauge, "Share of the time that a stage is at work, 0 to 1.",
            statuses.flatMap { status in
                status.load.sorted { $0.key < $1.key }.map { stage, load in
                    ([Self.label(status), ("stage", stage)], load)
                }
            })
        text.add(
            "fathom_stage_limiting", .gauge, "1 for the stage that sets the speed.",
            statuses.compactMap { status in
                status.limitingStage.map { ([Self.label(status), ("stage", $0)], 1) }
            })
        text.add(
            "fathom_picture_width_pixels", .gauge, "Width of the source's picture.",
            each { Double($0.width) })
        text.add(
            "fathom_picture_height_pixels", .gauge, "Height of the source's picture.",
            each { Double($0.height) })
        text.add(
            "fathom_network_width_pixels", .gauge, "Width of the network's input.",
            each { Double($0.networkWidth) })
        text.add(
            "fathom_network_height_pixels", .gauge, "Height of the network's input.",
            each { Double($0.networkHeight) })
    }

    private func addOutputs(_ text: inout MetricsText) {
        func outputs(_ value: (OutputStatus) -> Double) -> [(Labels, Double)] {
            statuses.flatMap { status in
                status.outputs.map {
                    ([Self.label(status), ("output", $0.name)], value($0))
                }
            }
        }
        text.add(
            "fathom_output_up", .gauge, "1 while the output works.",
            outputs { $0.state == "working" ? 1 : 0 })
        text.add(
            "fathom_output_written_total", .counter, "Frames or packets that went out.",
            outputs { Double($0.written) })
        text.add(
            "fathom_output_dropped_total", .counter,
            "Frames or packets dropped because the output was slow or away.",
            outputs { Double($0.dropped) })
        text.add(
            "fathom_output_bytes_total", .counter, "Bytes that went out.",
            outputs { Double($0.bytes) })
        text.add(
            "fathom_output_reconnects_total", .counter, "Times the output was connected anew.",
            outputs { Double($0.reconnects) })
    }

    private func addServer(_ text: inout MetricsText) {
        text.add(
            "fathom_viewers", .gauge, "Viewers of the preview.",
            statuses.map { ([Self.label($0)], Double(views.viewers[$0.source] ?? 0)) })
        text.add(
            "fathom_views", .gauge, "Different pictures that are drawn for viewers.",
            [([], Double(views.views))])
        text.add(
            "fathom_http_connections", .gauge, "Connections that are open.",
            [([], Double(server.connections))])
        text.add(
            "fathom_http_answers_total", .counter, "Answers by status code.",
            server.answers.sorted { $0.key < $1.key }.map {
                ([("code", "\($0.key)")], Double($0.value))
            })
        text.add(
            "fathom_http_overdue_total", .counter,
            "Connections closed because the client took too long.",
            [([], Double(server.overdue))])
        text.add(
            "fathom_http_crowded_out_total", .counter,
            "Connections turned away or closed because there were too many.",
            [([], Double(server.crowdedOut))])
        text.add(
            "process_cpu_seconds_total", .counter, "Seconds spent on processors.",
            [([], SystemClock.processorSeconds)])
        text.add(
            "process_resident_memory_bytes", .gauge, "Memory that the process has in use.",
            [([], Self.residentBytes)])
        text.add(
            "process_start_time_seconds", .gauge, "When the server started, in seconds since 1970.",
            [([], started)])
    }

    /// The second number of `/proc/self/statm`, in pages.
    private static var residentBytes: Double {
        let words = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = words.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }
}
