import ArgumentParser
import Fathom
import Foundation

/// Training steps: how many pictures a second, and where the time goes.
struct BenchTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Measure training steps of a network: pictures a second, memory, profile.")

    @Argument(help: "fathomnet, resnet, dispnet, deeplab or plain.")
    var network = "fathomnet"
    @Option(help: "Pictures of a batch.")
    var batch = 4
    @Option(help: "Size of a picture.")
    var size = "384x224"
    @Option(help: "Threads (all cores).")
    var threads: Int?
    @Option(help: "Steps that are timed; the median counts.")
    var steps = 6
    @Flag(help: "As JSON, with every operator.")
    var json = false

    func validate() throws {
        guard (1...256).contains(batch), (1...10_000).contains(steps),
            threads.map({ (1...256).contains($0) }) ?? true
        else { throw ValidationError("--batch, --steps or --threads is out of range") }
        guard let pixels = PixelSize(size) else { throw ValidationError("--size takes WxH") }
        let kinds = NetworkConfiguration.Kind.designs.map(\.rawValue)
        guard kinds.contains(network) else {
            let names = kinds.joined(separator: ", ")
            throw ValidationError("there is no network '\(network)'; there are \(names)")
        }
        let multiple =
            NetworkConfiguration.Kind(rawValue: network).map {
                NetworkConfiguration($0).sizeMultiple
            } ?? 1
        guard pixels.width % multiple == 0, pixels.height % multiple == 0 else {
            throw ValidationError("--size: \(network) takes multiples of \(multiple)")
        }
    }

    func run() throws {
        guard let kind = NetworkConfiguration.Kind(rawValue: network), let size = PixelSize(size)
        else { return }
        var bench = TrainingBench(NetworkConfiguration(kind))
        bench.batch = batch
        (bench.width, bench.height) = (size.width, size.height)
        bench.steps = steps
        bench.threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
        let result = try bench.measure()
        if json { return try Terminal.json(result) }
        print(
            String(
                format:
                    "%@: %.2f pictures a second (step %.1f ms: network %.1f, optimizer %.1f), %.0f MB",
                result.network, result.samplesPerSecond, result.stepSeconds * 1e3,
                result.computeSeconds * 1e3, result.updateSeconds * 1e3, result.peakMemoryMB))
        for part in result.operators.prefix(14) {
            print(String(format: "%8.2f ms  %@", part.seconds * 1e3, part.operation))
        }
    }
}
