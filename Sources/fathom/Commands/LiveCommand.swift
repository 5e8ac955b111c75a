import ArgumentParser
import Fathom
import Foundation

/// Cameras and streams become depth now.
struct LiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "live",
        abstract: "Turn cameras and streams into depth, now.",
        discussion: """
            fathom live v4l2:/dev/video0 --serve 127.0.0.1:8080
            fathom live rtsp://user:password@camera/stream --record recordings
            fathom live rtsp://camera/stream --push rtsp://server/depth
            fathom live drive.mp4 --realtime --serve 127.0.0.1:8080
            """)

    @Argument(
        help: ArgumentHelp(
            "v4l2:/dev/video0, rtsp://…, rtmp://…, srt://…, http(s)://… (MJPEG, HLS), udp://…, x11:DISPLAY, '-', or a file with --realtime. Several play side by side.",
            valueName: "source"))
    var sources: [String] = []
    @Option(
        help: ArgumentHelp("A YAML file of these options, or live.", valueName: "file"))
    var config: String?
    @OptionGroup(title: "Source") var source: SourceOptions
    @OptionGroup(title: "Latency") var latency: LatencyOptions
    @OptionGroup(title: "Output") var output: LiveOutputOptions
    @OptionGroup(title: "Output") var encoding: EncodingOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Picture") var picture: PictureOptions
    @OptionGroup(title: "Depth as data") var data: DataOptions

    func run() throws {
        var settings = LiveConfiguration()
        if let config {
            for (key, value) in try ConfigurationFile.read(named: config) {
                try settings.set(key, value)
            }
        }
        let flags =
            source.settings + latency.settings + output.settings + encoding.settings
            + model.settings + picture.settings + data.settings
        for (key, value) in flags { try settings.set(key, value) }
        try LiveSession(sources: sources, configuration: settings).run()
    }
}
