import ArgumentParser
import Fathom

/// How sources are captured and kept.
struct SourceOptions: ParsableArguments {
    @Option(
        name: .customLong("input-size"),
        help: ArgumentHelp("Size that a camera or screen is asked for.", valueName: "WxH"))
    var inputSize: String?
    @Option(
        name: .customLong("input-rate"),
        help: ArgumentHelp("Rate that a camera or screen is asked for.", valueName: "rate"))
    var inputRate: String?
    @Option(
        name: .customLong("input-format"),
        help: ArgumentHelp(
            "A camera's pixel format (mjpeg, yuyv422), or a pipe's container.", valueName: "name"))
    var inputFormat: String?
    @Option(
        name: .customLong("rtsp-transport"),
        help: ArgumentHelp("tcp (default) or udp.", valueName: "transport"))
    var rtspTransport: String?
    @Flag(help: "Play a file at its own speed.")
    var realtime = false
    @Option(help: ArgumentHelp("Which video stream of several, counted from 0.", valueName: "k"))
    var stream: String?
    @Option(
        name: .customLong("open-timeout"),
        help: ArgumentHelp("Seconds that opening may take (10).", valueName: "seconds"))
    var openTimeout: String?
    @Option(
        name: .customLong("read-timeout"),
        help: ArgumentHelp(
            "Seconds without a packet after which a source counts as lost (5).",
            valueName: "seconds"))
    var readTimeout: String?
    @Flag(inversion: .prefixedNo, help: "Ask a lost source again, for ever (on by default).")
    var reconnect: Bool?
    @Option(help: ArgumentHelp("End after this time.", valueName: "time"))
    var duration: String?

    var settings: [(key: String, value: String)] {
        values([
            ("input-size", inputSize), ("input-rate", inputRate), ("input-format", inputFormat),
            ("rtsp-transport", rtspTransport), ("stream", stream), ("open-timeout", openTimeout),
            ("read-timeout", readTimeout), ("duration", duration),
        ]) + flags([("realtime", realtime ? true : nil), ("reconnect", reconnect)])
    }
}

/// What happens when the machine is too slow.
struct LatencyOptions: ParsableArguments {
    @Option(help: ArgumentHelp("latestOnly (default), dropOldest or block.", valueName: "policy"))
    var policy: String?
    @Option(
        name: .customLong("max-age"),
        help: ArgumentHelp("Drop frames that are older.", valueName: "ms"))
    var maxAge: String?
    @Option(
        name: .customLong("target-fps"),
        help: ArgumentHelp(
            "Make the network's input smaller to reach this rate, before frames are dropped.",
            valueName: "rate"))
    var targetFps: String?

    var settings: [(key: String, value: String)] {
        values([("policy", policy), ("max-age", maxAge), ("target-fps", targetFps)])
    }
}

/// What comes out of a live source.
struct LiveOutputOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Serve a preview page, MJPEG, HLS and metrics, such as 127.0.0.1:8080.",
            valueName: "host:port"))
    var serve: String?
    @Option(
        help: ArgumentHelp(
            "What clients have to say to be served; needed for addresses others can reach.",
            valueName: "token"))
    var token: String?
    @Option(
        help: ArgumentHelp(
            "Push the depth video to an RTSP, RTMP or SRT server; may be given several times.",
            valueName: "url"))
    var push: [String] = []
    @Option(
        help: ArgumentHelp("Record original and depth into this folder.", valueName: "folder"))
    var record: String?
    @Option(help: ArgumentHelp("Length of a recording's segments (60s).", valueName: "time"))
    var segment: String?
    @Option(
        help: ArgumentHelp(
            "Delete the oldest segments above this size (10GB).", valueName: "size"))
    var keep: String?
    @Option(help: ArgumentHelp("Write what happens as JSON lines.", valueName: "file"))
    var events: String?

    var settings: [(key: String, value: String)] {
        values([
            ("serve", serve), ("token", token),
            ("push", push.isEmpty ? nil : push.joined(separator: " ")), ("record", record),
            ("segment", segment), ("keep", keep), ("events", events),
        ])
    }
}
