import FathomCore

/// Everything with a memory between the network and the picture, in its order: cuts, smoothing, range, flags.
public struct DepthSequence: Stateful, Sendable {
    private var cuts = SceneCutDetector()
    private var filter: TemporalFilter
    private var range: DepthRangeTracker
    private var usualSharpness: Float = 0

    /// Mean brightness below which a picture counts as dark.
    private static let darkBrightness: Float = 0.04
    /// Part of the usual sharpness below which a picture counts as blurred.
    private static let blurredShare: Float = 0.5

    /// What one frame became.
    public struct Frame: Sendable {
        /// The smoothed depth.
        public let map: DepthMap
        /// What the colours span.
        public let range: DepthRange
        /// What is remarkable, except `damaged`, which the decoder knows.
        public let flags: DepthFlags

        /// A frame that another program's network made.
        package init(map: DepthMap, range: DepthRange, flags: DepthFlags) {
            self.map = map
            self.range = range
            self.flags = flags
        }
    }

    /// A sequence that has seen nothing; `clipRange` is the result of a first pass for `RangeMode.clip`.
    public init(
        range mode: RangeMode = .scene, smoothing: Smoothing = .light, clipRange: DepthRange? = nil
    ) {
        filter = TemporalFilter(smoothing: smoothing)
        range = DepthRangeTracker(mode: mode, clipRange: clipRange)
    }

    /// The next frame, in the order of the source.
    public mutating func next(_ map: DepthMap, at seconds: Double) -> Frame {
        var flags: DepthFlags = map.nonFiniteCount > 0 ? .nonFinite : []
        let isCut = cuts.update(map)
        if isCut {
            flags.insert(.cut)
            usualSharpness = 0
        }
        flags.formUnion(light(of: map))
        let smooth = filter.update(map, at: seconds, isCut: isCut)
        let ranged = range.update(smooth.map, at: seconds, isCut: isCut)
        return Frame(
            map: smooth.map, range: ranged.range,
            flags: flags.union(smooth.flags).union(ranged.flags))
    }

    /// `dark` and `blurred`, from the brightness and its steps from pixel to pixel: across or down, whichever are
    /// smaller, since motion blurs one direction.
    private mutating func light(of map: DepthMap) -> DepthFlags {
        let (mean, steps) = map.withBrightness { light -> (Float, Float) in
            var sum: Float = 0
            var steps: Float = 0
            var downSteps: Float = 0
            for y in stride(from: 0, to: map.height, by: 2) {
                let row = y * map.width
                let below = min(y + 1, map.height - 1) * map.width
                var last = light[row]
                for x in 0..<map.width {
                    let value = light[row + x]
                    sum += value
                    steps += (value - last) * (value - last)
                    downSteps += (light[below + x] - value) * (light[below + x] - value)
                    last = value
                }
            }
            let count = Float((map.height + 1) / 2 * map.width)
            return (sum / count, min(steps, downSteps) / count)
        }
        if mean < Self.darkBrightness { return .dark }
        let isBlurred = steps < usualSharpness * Self.blurredShare * Self.blurredShare
        let pace: Float = usualSharpness == 0 ? 1 : 0.05
        usualSharpness += (steps - usualSharpness) * pace
        return isBlurred ? .blurred : []
    }

    /// The states of the parts.
    public func saveState() -> [UInt8] {
        var writer = StateWriter(tag: "SEQU", version: 1)
        writer.write(cuts.saveState())
        writer.write(filter.saveState())
        writer.write(range.saveState())
        writer.write(usualSharpness)
        return writer.bytes
    }

    /// Takes up where `saveState` left off.
    public mutating func restoreState(_ bytes: [UInt8]) throws(FathomError) {
        var reader = try StateReader(bytes, tag: "SEQU", version: 1)
        var copy = self
        try copy.cuts.restoreState(try reader.readBytes())
        try copy.filter.restoreState(try reader.readBytes())
        try copy.range.restoreState(try reader.readBytes())
        copy.usualSharpness = try reader.readFloat()
        try reader.finish()
        self = copy
    }
}
