import FathomCore

/// FFmpeg's options for a live source.
struct StreamSettings {
    /// What FFmpeg opens; nil when Fathom reads the bytes.
    var url: String?
    /// FFmpeg's name of the container or device, where it is known before.
    var format: String?
    var options: [String: String] = [:]
    /// What was chosen, in a person's words.
    var effective: [String] = []

    init(_ address: LiveAddress, _ options: LiveInput.Options) {
        url = address.location
        format = options.format
        // Somewhat later than Fathom's own deadline, which is the one that is told.
        let micros = String(Int(max(options.openSeconds, options.readSeconds) * 1e6) + 1_000_000)
        self.options = [
            "analyzeduration": "1000000", "probesize": "500000", "rw_timeout": micros,
            // JPEG pictures without a container are not taken for sure before this much of them.
            "formatprobesize": "65536",
        ]
        switch address.kind {
        case .rtsp:
            set([
                "rtsp_transport": options.rtspTransport.rawValue, "timeout": micros,
                "buffer_size": "4194304", "allowed_media_types": "video+audio",
            ])
            effective = ["rtsp over \(options.rtspTransport.rawValue)"]
        case .rtmp:
            set(["rtmp_live": "live"])
        case .srt:
            set(["timeout": micros, "connect_timeout": String(Int(options.openSeconds * 1000))])
        case .udp:
            set([
                "timeout": micros, "fifo_size": "57344", "overrun_nonfatal": "1",
                "buffer_size": "4194304",
            ])
        case .http:
            set([
                "protocol_whitelist": "http,https,tls,tcp,crypto,data,httpproxy",
                // The last segment: the nearest that one can get.
                "live_start_index": "-1",
            ])
        case .screen:
            format = "x11grab"
            let rate = options.rate ?? Rational(15, 1)
            set(["framerate": rate.description])
            if let size = options.size { set(["video_size": "\(size.width)x\(size.height)"]) }
        case .standardInput:
            url = nil
        case .file:
            if let rate = options.rate { set(["framerate": rate.description]) }
        case .camera:
            break
        }
    }

    private mutating func set(_ more: [String: String]) {
        options.merge(more) { _, new in new }
    }
}
