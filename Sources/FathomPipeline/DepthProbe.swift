import FathomCore
import FathomDepth
import FathomMedia
import Synchronization

/// The depth of single points of a recording.
public enum DepthProbe {
    /// The depth at one point of one frame.
    public struct Answer: Sendable {
        /// When the frame is shown, from the recording's beginning.
        public var time: Timestamp
        /// The depth there, in the model's unit.
        public var value: Float
        /// What it means.
        public var kind: DepthKind
        /// Where the value stands among all of the frame: 0 is its far end, 1 its near end.
        public var nearness: Float
    }

    /// Depth at a point of the first frame at or after a moment.
    ///
    /// - Parameters:
    ///   - point: pixels of the upright picture, (0, 0) at its top left.
    public static func depth(
        of path: String, at time: Timestamp?, point: (x: Int, y: Int),
        configuration: RunConfiguration
    ) throws(FathomError) -> Answer {
        var configuration = configuration
        configuration.start = time
        let network = try Network(configuration.model)
        let first = Mutex<(frame: VideoFrame, time: Timestamp)?>(nil)
        try RecordingFrames.read(path, configuration: configuration) { frame, time in
            first.withLock { $0 = (frame, time) }
            return false
        }
        guard let (frame, shown) = first.withLock({ $0 }) else {
            throw FathomError(
                operation: "probe", subject: path, cause: "it has no frame at that time",
                remedy: "Choose an earlier --at")
        }
        let format = frame.format
        guard (0..<format.width).contains(point.x), (0..<format.height).contains(point.y) else {
            throw FathomError(
                .usage, operation: "use", subject: "--point \(point.x),\(point.y)",
                cause: "the picture has \(format.width)×\(format.height) pixels",
                remedy: "Count from 0 at the top left")
        }
        let model = try network.makeModel(configuration, pool: .machine)
        let upsampler = GuidedUpsampler(
            method: configuration.upsampling, width: format.width, height: format.height)
        let (value, low, high) = try frame.withPicture {
            (picture) throws(FathomError) -> (Float, Float, Float) in
            let map = try model.estimate(picture, sampleAspectRatio: frame.sampleAspectRatio)
            var values = [Float](repeating: 0, count: format.width * format.height)
            values.withUnsafeMutableBufferPointer { out in
                upsampler.upsample(map, picture: picture, into: out)
            }
            return (
                values[point.y * format.width + point.x], values.min() ?? 0, values.max() ?? 0
            )
        }
        let share = high > low ? (value - low) / (high - low) : 0
        let kind = model.card.outputKind
        return Answer(
            time: shown, value: value, kind: kind,
            nearness: kind.isLargeNear ? share : 1 - share)
    }
}
