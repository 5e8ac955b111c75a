import ArgumentParser
import Fathom

/// Recordings as the pictures of a data set without depth.
struct DataFramesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frames",
        abstract:
            "Cut recordings into the pictures of a data set, to learn from them without depth.",
        discussion: """
            Writes rgb/*.jpg and index.jsonl. The index is the root of a data set of kind 'folder' with 'truth: none'; \
            Configs/train/fathomnet-own-video.yaml trains on it.
            """)

    @Argument(help: ArgumentHelp("Recordings.", valueName: "video"))
    var videos: [String]
    @Option(help: ArgumentHelp("The folder to write.", valueName: "dir"))
    var outputDir: String
    @Option(
        help: ArgumentHelp(
            "The camera's horizontal field of view in degrees: 65 for a phone, 70 to 140 for a dashcam.",
            valueName: "degrees"))
    var fov: Double
    @Option(help: ArgumentHelp("Width of the pictures, at most.", valueName: "pixels"))
    var width = 640
    @Option(
        help: ArgumentHelp(
            "Length of a clip: what stays together when the data are divided.",
            valueName: "seconds"))
    var clip = 10.0
    @OptionGroup(title: "Frames") var selection: SelectionOptions
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        var export = VideoFrames(videos, folder: outputDir, fieldOfView: fov)
        for (key, value) in selection.settings { try export.selection.set(key, value) }
        func check(_ holds: Bool, _ option: String, _ remedy: String) throws {
            guard !holds else { return }
            throw FathomError(
                .usage, operation: "use", subject: option, cause: "it is out of range",
                remedy: remedy)
        }
        try check(fov > 1 && fov < 179, "--fov \(fov)", "Give an angle from 1 to 179")
        try check((16...8192).contains(width), "--width \(width)", "Give a number from 16 to 8192")
        try check(clip > 0 && clip <= 1e6, "--clip \(clip)", "Give a number of seconds above 0")
        export.width = width
        export.clipSeconds = clip
        let result = try export.run()
        for warning in result.warnings { Terminal.error("warning: \(warning)") }
        if json { return try Terminal.json(result) }
        print("\(result.list): \(result.pictures) pictures in \(result.clips) clips")
    }
}
