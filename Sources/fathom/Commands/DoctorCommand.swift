import ArgumentParser
import Fathom
import Foundation

/// What this machine has.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Show what this machine has: cores, instruction sets, codecs, cameras.")

    @Flag(help: "List cameras only.")
    var cameras = false
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        let devices = Machine.cameraDevices
        if cameras {
            if json { return try Terminal.json(["cameras": devices]) }
            print(devices.isEmpty ? "no cameras (no /dev/video*)" : devices.joined(separator: "\n"))
            return
        }
        let machine = Machine.current
        let speed = try NetworkSpeed.measure()
        if json {
            return try Terminal.json([
                "version": FathomVersion.current, "cores": machine.cores,
                "memoryMB": machine.memoryMB, "instructionSets": machine.instructionSets,
                "instructionSet": machine.instructionSet, "encoders": machine.encoders,
                "decoders": machine.decoders, "ffmpeg": machine.ffmpeg,
                "openblas": machine.openblas,
                "cameras": devices, "networkMs": speed.milliseconds,
            ])
        }
        print(
            "Fathom \(FathomVersion.current), FFmpeg \(machine.ffmpeg), OpenBLAS \(machine.openblas)"
        )
        print("cores          \(machine.cores), memory \(machine.memoryMB) MB")
        print(
            "instructions   \(machine.instructionSets.joined(separator: ", ")) (using \(machine.instructionSet))"
        )
        print("writes         \(machine.encoders.joined(separator: ", "))")
        print(
            "reads          \(machine.decoders.joined(separator: ", ")) and \(machine.otherDecoders) more"
        )
        print("cameras        \(devices.isEmpty ? "none" : devices.joined(separator: ", "))")
        print(
            String(
                format: "default model  %.1f ms a frame at %d×%d: %.0f frames a second at most",
                speed.milliseconds, speed.width, speed.height, 1000 / speed.milliseconds))
        print("advice         \(speed.advice)")
    }
}
