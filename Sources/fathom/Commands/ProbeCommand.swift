import ArgumentParser
import Fathom
import Foundation

/// What is in a file, or how far a point of it is.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Show what is in a file, or the depth at a point.",
        discussion: """
            fathom probe drive.mp4
            fathom probe drive.mp4 --at 0:04.5 --point 640,360
            """)

    @Argument(help: ArgumentHelp("A recording, a still, a folder of pictures.", valueName: "input"))
    var input: String
    @Option(
        help: ArgumentHelp("Depth at this time (the first frame by default).", valueName: "time"))
    var at: String?
    @Option(help: ArgumentHelp("Depth at this pixel of the upright picture.", valueName: "x,y"))
    var point: String?
    @Flag(help: "As JSON.")
    var json = false
    @OptionGroup(title: "Model") var model: ModelOptions

    func run() throws {
        if at == nil && point == nil { return try describe() }
        var settings = RunConfiguration()
        for (key, value) in model.settings { try settings.set(key, value) }
        let time = try at.map { text in
            guard let time = MediaTime.parse(text) else {
                throw ValidationError("--at takes a time such as 12.5, 1:30 or 1:02:03.250")
            }
            return time
        }
        let place = try place()
        let answer = try DepthProbe.depth(
            of: input, at: time, point: place, configuration: settings)
        let unit = answer.kind.unit.map { " \($0)" } ?? ""
        if json {
            let object: [String: Any] = [
                "time": answer.time.seconds, "x": place.x, "y": place.y,
                "value": Double(answer.value), "kind": answer.kind.rawValue,
                "nearness": Double(answer.nearness),
            ]
            try Terminal.json(object)
        } else {
            print(
                String(
                    format: "%@  (%d, %d)  %@ %.4g%@  nearness in this frame %.0f%%",
                    MediaTime.format(answer.time), place.x, place.y, answer.kind.rawValue,
                    answer.value, unit, answer.nearness * 100))
        }
    }

    private func place() throws -> (x: Int, y: Int) {
        let parts = (point ?? "").split(separator: ",").map { Int($0) }
        guard parts.count == 2, let x = parts[0], let y = parts[1] else {
            throw ValidationError("--point takes two whole numbers, such as 640,360")
        }
        return (x, y)
    }

    private func describe() throws {
        let info = try Demuxer(try MediaInput.resolve(input)).info
        if json {
            try Terminal.json(info)
            return
        }
        var head = "\(info.path): \(info.container)"
        head += info.duration.map { String(format: ", %.3f s", $0) } ?? ", length unknown"
        if let start = info.startTime, start != 0 {
            head += String(format: ", starts at %.3f s", start)
        }
        print(head)
        for stream in info.streams { print("  " + Self.line(stream)) }
        for chapter in info.chapters {
            print(
                String(
                    format: "  chapter %.3f–%.3f s  %@", chapter.start, chapter.end,
                    chapter.title ?? ""))
        }
        for (key, value) in info.metadata.sorted(by: { $0.key < $1.key }) {
            print("  \(key): \(value.prefix(100))")
        }
    }

    private static func line(_ stream: StreamInfo) -> String {
        var parts = [stream.name]
        if let video = stream.video {
            parts.append("\(video.width)×\(video.height) \(video.pixelFormat)")
            if let rate = video.frameRate { parts.append(String(format: "%.3f fps", rate.value)) }
            if video.orientation != .upright { parts.append("turned: \(video.orientation)") }
            if let pixel = video.sampleAspectRatio, pixel != Rational(1, 1) {
                parts.append("pixels \(pixel.numerator):\(pixel.denominator)")
            }
            let colour = [video.colorMatrix, video.colorTransfer, video.colorRange].compactMap {
                $0
            }
            if !colour.isEmpty { parts.append(colour.joined(separator: "/")) }
            if video.isInterlaced { parts.append("interlaced") }
            if stream.isAttachedPicture { parts.append("cover art") }
        }
        if let audio = stream.audio {
            parts.append("\(audio.sampleRate) Hz, \(audio.channels) channels")
        }
        if let title = stream.title { parts.append("“\(title)”") }
        if stream.isDefault { parts.append("default") }
        return parts.joined(separator: "  ")
    }
}
