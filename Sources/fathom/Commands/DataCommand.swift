import ArgumentParser
import Fathom
import Foundation

/// Looking at the data that a training configuration names.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Check a data set, or look at what is read from it.",
        subcommands: [
            DataCheckCommand.self, DataSampleCommand.self, DataFramesCommand.self,
        ])
}

/// Counts, sizes, depths and what is broken.
struct DataCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read a whole data set; say what is in it and what is broken.",
        discussion: "Ends with 1 if samples are broken that the configuration doesn't skip.")

    @Argument(help: ArgumentHelp("A training configuration.", valueName: "config"))
    var config: String
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        let report = try DataCheck(configuration: config).run()
        if json { try Terminal.json(report) } else { Self.show(report) }
        let isSkipped = try DataSections(file: config).data.broken == .skip
        if !report.broken.isEmpty, !isSkipped {
            throw FathomError(
                operation: "use", subject: report.root.isEmpty ? config : report.root,
                cause:
                    "\(report.broken.count) samples are broken, the first: \(report.broken[0].reason)",
                remedy: "Mend or remove them, or write 'broken: skip' under data")
        }
    }

    private static func show(_ report: DataCheck.Report) {
        print("kind  \(report.kind)  \(report.root)")
        print("part        samples  checked  broken   scenes  depth/m            known  sizes")
        for split in SplitName.allCases {
            guard let part = report.splits[split.rawValue] else {
                print("\(split.rawValue)  empty")
                continue
            }
            let name = split.rawValue.padding(toLength: 10, withPad: " ", startingAt: 0)
            let counts = String(
                format: "%9d%9d%8d%9d", part.count, part.checked, part.broken, part.scenes)
            let range =
                String(format: "%.3g…%.4g", part.minimumDepth ?? 0, part.maximumDepth ?? 0)
                .padding(toLength: 17, withPad: " ", startingAt: 0)
            let sizes = part.sizes.sorted { $0.value > $1.value }.prefix(4)
                .map { "\($0.key) (\($0.value))" }.joined(separator: ", ")
            print(
                "\(name)\(counts)  \(range)\(String(format: "%6.1f%%", part.knownShare * 100))  \(sizes)"
            )
        }
        for broken in report.broken { print("broken  \(broken.name): \(broken.reason)") }
    }
}

/// One sample as files.
struct DataSampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Write a sample as rgb.png, depth.npy and intrinsics.json.",
        discussion: """
            They have the source's size and no augmentation: depth in metres, 0 where it is unknown or infinite. \
            --prepared adds input.npy, target.npy and valid.npy as the network gets them.
            """)

    @Argument(help: ArgumentHelp("A training configuration.", valueName: "config"))
    var config: String
    @Option(help: ArgumentHelp("train, validation or test.", valueName: "part"))
    var split = "train"
    @Option(help: "Which sample of it.")
    var index = 0
    @Option(help: ArgumentHelp("The folder to write.", valueName: "dir"))
    var outputDir: String
    @Flag(help: "Add the tensors as the network gets them.")
    var prepared = false
    @Option(help: ArgumentHelp("Add a sheet with so many variations.", valueName: "N"))
    var augmented = 0
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        guard let part = SplitName(rawValue: split) else {
            throw FathomError(
                .usage, operation: "use", subject: "--split \(split)",
                cause: "there is no such part",
                remedy: "Give train, validation or test")
        }
        guard (0...64).contains(augmented) else {
            throw FathomError(
                .usage, operation: "use", subject: "--augmented \(augmented)",
                cause: "a sheet has 0 to 64 variations", remedy: "Ask for fewer")
        }
        var export = SampleExport(
            configuration: config, split: part, index: index, folder: outputDir)
        export.withTensors = prepared
        export.variations = augmented
        let result = try export.run()
        if json { return try Terminal.json(result) }
        print("\(result.name)  (\(result.scene))")
        for file in result.files { print("  \(file)") }
    }
}
