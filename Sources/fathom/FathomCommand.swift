import ArgumentParser
import Fathom
import Foundation

/// The command line: parses, calls one job, prints.
@main
struct FathomCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fathom",
        abstract: "Video in, depth out.",
        discussion: """
            fathom run drive.mp4 -o depth.mp4     a recording becomes a depth video
            fathom live rtsp://camera/stream --serve 127.0.0.1:8080
                                                  a camera becomes depth now
            fathom probe drive.mp4                what is in a file
            fathom train my-network.yaml          a network learns depth
            fathom evaluate best.onnx my-network.yaml
                                                  how good it is
            fathom doctor                         what this machine has
            """,
        version: FathomVersion.current,
        subcommands: [
            RunCommand.self,
            LiveCommand.self,
            ProbeCommand.self,
            DoctorCommand.self,
            ModelCommand.self,
            TrainCommand.self,
            EvaluateCommand.self,
            TuneCommand.self,
            AttackCommand.self,
            DataCommand.self,
            SynthCommand.self,
            BenchCommand.self,
        ])

    static func main() {
        Allocator.bound()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as FathomError {
            Terminal.error("fathom: \(error)")
            Foundation.exit(error.code.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
