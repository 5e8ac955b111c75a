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
        if cameras { return try listCameras() }
        let devices = Cameras.paths
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
    private func listCameras() throws {
        let cameras = Cameras.list()
        struct CameraList: Encodable { let cameras: [CameraDescription] }
        if json { return try Terminal.json(CameraList(cameras: cameras)) }
        if cameras.isEmpty { print("no cameras (no /dev/video*)") }
        for camera in cameras {
            let name = camera.name.isEmpty ? "" : "  \(camera.name) (\(camera.driver))"
            print("v4l2:\(camera.path)\(name)")
            if let trouble = camera.trouble { print("  \(trouble)") }
            for format in camera.formats {
                let use = format.isUsable ? "" : ", not usable"
                print("  \(format.name) (\(format.description)\(use))")
                let sizes = format.sizes.map { size in
                    let rates = size.rates.map { String(format: "%g", $0) }
                    return "\(size.width)x\(size.height)"
                        + (rates.isEmpty ? "" : " at \(rates.joined(separator: ", "))/s")
                }
                guard format.isUsable else { continue }
                for line in format.isRange ? [sizes.joined(separator: " to ")] : sizes {
                    print("    \(line)")
                }
            }
        }
    }
}
