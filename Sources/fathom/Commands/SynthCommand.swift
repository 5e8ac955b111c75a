import ArgumentParser
import Fathom
import Foundation

/// Rendered places with exact depth, poses and flow, as a data set.
struct SynthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synth",
        abstract: "Render streets, rooms and more with exact depth, poses and flow.",
        discussion: """
            Writes rgb/*.png, depth/*.npy (metres along the optical axis, infinite in the sky), index.jsonl with \
            intrinsics and poses, and for clips flow/*.npy. The index is the root of a data set of kind 'folder'. The \
            same seed gives the same pictures on every machine.
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("The folder to write.", valueName: "dir"))
    var output: String
    @Option(help: "Number of pictures.")
    var count = 100
    @Option(help: "Picks the places.")
    var seed = 0
    @Option(help: ArgumentHelp("Size of the pictures.", valueName: "WxH"))
    var size = "384x224"
    @Option(
        help: ArgumentHelp(
            "street, room, corridor, table, country, or mixed.", valueName: "kind"))
    var kind = "mixed"
    @Option(help: ArgumentHelp("Pictures of each place, in order of time.", valueName: "length"))
    var clips = 1
    @Option(help: "Pictures a second of clips.")
    var rate = 15.0
    @Option(
        help: ArgumentHelp("A folder of photographs that surfaces wear.", valueName: "dir"))
    var textures: String?
    @Option(help: "Threads that render; all cores by default.")
    var threads: Int?
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        var export = SyntheticExport(folder: output)
        guard let pixels = PixelSize(size), pixels.width <= 8192, pixels.height <= 8192,
            pixels.width * pixels.height <= 1 << 24
        else { throw usage("--size \(size)", "Give a size such as 384x224") }
        guard (1...10_000_000).contains(count) else {
            throw usage("--count \(count)", "Give a number from 1 to 10000000")
        }
        guard (1...10_000).contains(clips) else {
            throw usage("--clips \(clips)", "Give a number from 1 to 10000")
        }
        guard seed >= 0 else { throw usage("--seed \(seed)", "Give a number from 0 on") }
        guard rate > 0, rate <= 1000 else {
            throw usage("--rate \(rate)", "Give a number above 0 and up to 1000")
        }
        if let threads {
            guard (1...256).contains(threads) else {
                throw usage("--threads \(threads)", "Give a number from 1 to 256")
            }
            export.threads = threads
        }
        export.count = count
        export.options.seed = UInt64(seed)
        (export.options.width, export.options.height) = (pixels.width, pixels.height)
        export.options.clipLength = clips
        export.options.frameRate = rate
        if kind != "mixed" {
            guard let chosen = SyntheticScene.Kind(rawValue: kind) else {
                let names = SyntheticScene.Kind.allCases.map(\.rawValue) + ["mixed"]
                let near = nearestName(to: kind, among: names)
                throw usage(
                    "--kind \(kind)",
                    near.map { "Did you mean '\($0)'?" }
                        ?? "Give one of \(names.joined(separator: ", "))")
            }
            export.options.kinds = [chosen]
        }
        if let textures { export.options.textures = try TextureFolder.read(textures) }
        let result = try export.run()
        if json { return try Terminal.json(result) }
        print(
            "\(result.list)  \(result.pictures) pictures of \(result.scenes) places, "
                + "\(String(format: "%.1f", result.rate)) a second")
    }

    private func usage(_ subject: String, _ remedy: String) -> FathomError {
        FathomError(
            .usage, operation: "use", subject: subject, cause: "it can't be rendered",
            remedy: remedy)
    }
}
