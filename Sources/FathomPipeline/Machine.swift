import FathomCore
import FathomEngine
import FathomMedia
import Foundation

/// What this machine has.
public struct Machine: Sendable {
    /// Processor cores.
    public let cores: Int
    /// Main memory in MiB.
    public let memoryMB: Int
    /// Instruction sets that kernels exist for and the processor has.
    public let instructionSets: [String]
    /// The one in use.
    public let instructionSet: String
    /// Codecs that can be written.
    public let encoders: [String]
    /// The usual codecs that can be read.
    public let decoders: [String]
    /// How many more can be read.
    public let otherDecoders: Int
    /// FFmpeg's version.
    public let ffmpeg: String
    /// OpenBLAS's version and the processor that it works for.
    public let openblas: String

    private static let usualDecoders = [
        "h264", "hevc", "vp8", "vp9", "libdav1d", "mpeg2video", "mpeg4", "mjpeg", "prores",
        "dnxhd", "ffv1", "png",
    ]

    /// This machine.
    public static var current: Machine {
        let known = Set(InstalledFFmpeg.videoDecoders)
        let usual = usualDecoders.filter(known.contains)
        return Machine(
            cores: WorkerPool.machine.threads,
            memoryMB: Int(ProcessInfo.processInfo.physicalMemory >> 20),
            instructionSets: InstructionSet.available.map(\.rawValue),
            instructionSet: InstructionSet.current.rawValue,
            encoders: VideoCodec.available.map(\.rawValue), decoders: usual,
            otherDecoders: known.count - usual.count, ffmpeg: InstalledFFmpeg.version,
            openblas: OpenBLAS.version)
    }
}

/// How fast the default network runs here.
public struct NetworkSpeed: Sendable {
    /// Median milliseconds a frame, on all cores.
    public let milliseconds: Double
    /// Width of the network's input.
    public let width: Int
    /// Height of the network's input.
    public let height: Int

    /// Measures a few runs at the default size of a 16:9 picture.
    public static func measure() throws(FathomError) -> NetworkSpeed {
        let network = try Network()
        let model = try network.makeModel(RunConfiguration(), pool: .machine)
        let picture = PictureBuffer(format: PictureFormat(width: 640, height: 360))
        var times: [Double] = []
        for _ in 0..<12 {
            let start = SystemClock.monotonicNanoseconds
            _ = try picture.withView { (view) throws(FathomError) in try model.estimate(view) }
            times.append(Double(SystemClock.monotonicNanoseconds - start) / 1e6)
        }
        times = times.dropFirst(2).sorted()
        return NetworkSpeed(
            milliseconds: times[times.count / 2], width: model.inputWidth ?? 0,
            height: model.inputHeight ?? 0)
    }

    /// What to choose on this machine.
    public var advice: String {
        switch milliseconds {
        case ..<12:
            "the network keeps up with 30 frames a second; where encoding limits, use --preset veryfast"
        case ..<30: "for 30 frames a second use --size 256 and --preset veryfast"
        default: "this machine is slow for video: use --size 192 --preset veryfast, or --every 2"
        }
    }
}
