import ArgumentParser
import Fathom
import Foundation
import Logging

/// A recording becomes a depth video.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Turn recordings, stills or image sequences into depth.",
        discussion: """
            fathom run drive.mp4 -o depth.mp4
            fathom run drive.mp4 -o depth.mp4 --layout depth --colormap turbo
            fathom run drive.mp4 --frames npy --frames-dir depth
            cat drive.mp4 | fathom run - -o - | ffplay -
            """)

    @Argument(
        help: ArgumentHelp(
            "A recording, a still, a folder, a pattern such as frame-%06d.jpg, or '-' for standard input.",
            valueName: "input"))
    var inputs: [String] = []
    @Option(
        help: ArgumentHelp(
            "A YAML file of these options, or dashcam, annotate or quick-look.", valueName: "file"))
    var config: String?
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Output") var encoding: EncodingOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Picture") var picture: PictureOptions
    @OptionGroup(title: "Frames") var selection: SelectionOptions
    @OptionGroup(title: "Depth as data") var data: DataOptions

    func run() throws {
        var settings = RunConfiguration()
        if let config {
            for (key, value) in try ConfigurationFile.read(named: config) {
                try settings.set(key, value)
            }
        }
        let flags =
            output.settings + encoding.settings + model.settings + picture.settings
            + selection.settings + data.settings
        for (key, value) in flags { try settings.set(key, value) }
        try RunSession(inputs: inputs, configuration: settings).run()
    }
}
