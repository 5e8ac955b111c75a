import FathomCore

/// Finds hard cuts in the brightness of a sequence of pictures.
///
/// Each picture becomes a 64×32 thumbnail, freed of exposure (mean and deviation); its blocks are searched in the
/// last thumbnail, so that pans and moving things explain themselves; what stays unexplained, as part of the
/// picture's structure, is compared with a threshold that rises with the sequence's own unrest. Pictures
/// without structure (black, white flash) are never cuts: the next one is compared with the last that had some.
public struct SceneCutDetector: Stateful, Sendable {
    private var previous: [UInt8] = []
    /// The mean share lately; a hand-held camera's until more is known.
    private var unrest: Float = 0.12
    private var count: Int32 = 3
    private var recent: Float = 0

    /// Width of the thumbnail.
    private static let width = 64
    /// Height of the thumbnail.
    private static let height = 32
    /// How far blocks are searched, in samples of the thumbnail: a pan of a tenth of the picture's width a frame.
    private static let reach = 7
    /// Brightness below this deviation has no structure.
    private static let leastDeviation: Float = 0.012
    /// The share of unexplained structure above which a sequence without unrest has a cut: real cuts have 0.43 and
    /// more, quiet scenes 0.06 and less.
    private static let leastScore: Float = 0.22
    /// What each unit of unrest (the mean share lately) adds to that; hand-held cameras have 0.13.
    private static let unrestWeight: Float = 1.4
    /// However unquiet a scene is, this is a cut.
    private static let surestScore: Float = 0.6

    /// A detector that has seen nothing.
    public init() {}

    /// Whether the picture of this map begins a new scene; the first picture with structure does not count.
    public mutating func update(_ map: DepthMap) -> Bool {
        guard let thumbnail = Self.thumbnail(of: map) else { return false }
        defer { previous = thumbnail }
        guard !previous.isEmpty else { return false }
        let score = Self.unexplained(thumbnail, after: previous)
        let threshold = min(Self.leastScore + Self.unrestWeight * unrest, Self.surestScore)
        let isCut = score > threshold
        // The new scene's unrest is unknown; the old one's is the best guess.
        if !isCut {
            count = min(count + 1, 30)
            unrest += (score - unrest) / Float(min(count, 12))
        }
        recent = score
        return isCut
    }

    /// The share of structure that the last picture left unexplained, for tests and tuning.
    package var lastScore: Float { recent }

    /// Brightness averaged to 64×32 with mean 128 and deviation 40; nil without structure.
    private static func thumbnail(of map: DepthMap) -> [UInt8]? {
        var means = [Float](repeating: 0, count: width * height)
        map.withBrightness { light in
            for y in 0..<height {
                let rows =
                    y * map.height
                    / height..<max((y + 1) * map.height / height, y * map.height / height + 1)
                for x in 0..<width {
                    let from = x * map.width / width
                    let to = max((x + 1) * map.width / width, from + 1)
                    var sum: Float = 0
                    for row in rows {
                        for column in from..<to { sum += light[row * map.width + column] }
                    }
                    means[y * width + x] = sum / Float(rows.count * (to - from))
                }
            }
        }
        let mean = means.reduce(0, +) / Float(means.count)
        let variance = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(means.count)
        let deviation = variance.squareRoot()
        guard deviation > leastDeviation else { return nil }
        return means.map { UInt8(min(max(($0 - mean) / deviation * 40 + 128, 0), 255)) }
    }

    private static func unexplained(_ now: [UInt8], after before: [UInt8]) -> Float {
        let field = MotionField(
            from: LumaPlane(width: width, height: height, samples: before),
            to: LumaPlane(width: width, height: height, samples: now), reach: reach)
        let left = field.residuals.reduce(0) { $0 + Float($1) }
        let structure = now.reduce(0) { $0 + abs(Float($1) - 128) }
        return left / structure
    }

    /// The last thumbnail and the sequence's unrest.
    public func saveState() -> [UInt8] {
        var writer = StateWriter(tag: "CUTS", version: 1)
        writer.write(previous)
        writer.write(unrest)
        writer.write(recent)
        writer.write(count)
        return writer.bytes
    }

    /// Takes up where `saveState` left off.
    public mutating func restoreState(_ bytes: [UInt8]) throws(FathomError) {
        var reader = try StateReader(bytes, tag: "CUTS", version: 1)
        let thumbnail = try reader.readBytes()
        let unrest = try reader.readFloat()
        let recent = try reader.readFloat()
        let count = try reader.read(Int32.self)
        try reader.finish()
        guard thumbnail.isEmpty || thumbnail.count == Self.width * Self.height, count >= 0 else {
            throw FathomError(
                operation: "restore", subject: "the saved state CUTS",
                cause: "its picture has another size", remedy: "Start the run anew")
        }
        previous = thumbnail
        self.unrest = unrest
        self.recent = recent
        self.count = count
    }
}
