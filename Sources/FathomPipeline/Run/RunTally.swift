import FathomCore
import FathomDepth
import Synchronization

/// What the stages of a run count while it goes on; any thread may write.
final class RunTally: Sendable {
    struct Counts: Sendable {
        var framesIn = 0
        var framesOut = 0
        var framesSkipped = 0
        var framesDamaged = 0
        var decodeErrors = 0
        var flagged: [String: Int] = [:]
        var firstTime: Double?
        var lastTime: Double?
        var sceneCuts: [Double] = []
        var rangeMinimum: Float?
        var rangeMaximum: Float?
        var outputs: [RunReport.Output] = []
        var warnings: [String] = []
        var inputWidth = 0
        var inputHeight = 0
        var sourceWidth: Int?
        var sourceHeight: Int?

        /// Seconds of video that went out.
        var mediaSeconds: Double {
            guard let firstTime, let lastTime else { return 0 }
            return max(0, lastTime - firstTime)
        }
    }

    private let counts = Mutex(Counts())
    private static let mostCuts = 10_000

    func update(_ change: (inout Counts) -> Void) { counts.withLock { change(&$0) } }

    var now: Counts { counts.withLock { $0 } }

    /// Takes note of a frame that has its depth.
    func note(_ frame: DepthFrame, at seconds: Double) {
        update { counts in
            for name in frame.flags.names { counts.flagged[name, default: 0] += 1 }
            if frame.flags.contains(.cut), counts.sceneCuts.count < Self.mostCuts {
                counts.sceneCuts.append(seconds)
            }
            let range = frame.depth.range
            counts.rangeMinimum = min(counts.rangeMinimum ?? range.minimum, range.minimum)
            counts.rangeMaximum = max(counts.rangeMaximum ?? range.maximum, range.maximum)
        }
    }

    /// Takes note of a frame that was written.
    func wrote(at seconds: Double, until end: Double) {
        update { counts in
            counts.framesOut += 1
            counts.firstTime = counts.firstTime ?? seconds
            counts.lastTime = max(counts.lastTime ?? end, end)
        }
    }

    func warn(_ text: String) {
        update { if !$0.warnings.contains(text) { $0.warnings.append(text) } }
    }
}
