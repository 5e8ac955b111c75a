import FathomCore
import FathomDepth
import Foundation

/// A manifest read back.
public struct Manifest: Sendable {
    /// The first line.
    public var header: ManifestHeader
    /// The frames, in the order of the lines.
    public var frames: [ManifestFrame]
    /// Whether the last line was cut off, as a crash may leave it.
    public var isCut: Bool

    /// Reads a manifest; an error names the line.
    public init(path: String) throws(FathomError) {
        func fail(_ cause: String) -> FathomError {
            FathomError(operation: "read", subject: path, cause: cause)
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw fail("there is no such file, or it may not be read")
        }
        var lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // What follows the last line end is nothing, or a line that was cut.
        isCut = lines.popLast().map { !$0.isEmpty } ?? false
        let decoder = JSONDecoder()
        guard let first = lines.first,
            let header = try? decoder.decode(ManifestHeader.self, from: first)
        else { throw fail("line 1 is not a manifest's header") }
        guard header.manifestVersion == 1 else {
            throw fail("it is of version \(header.manifestVersion), and only version 1 is known")
        }
        self.header = header
        frames = []
        for (index, line) in lines.enumerated().dropFirst() {
            guard let record = try? decoder.decode(FrameRecord.self, from: line),
                let frame = record.frame
            else { throw fail("line \(index + 1) is not a frame's") }
            frames.append(frame)
        }
    }
}

/// A frame's line as JSON has it.
private struct FrameRecord: Decodable {
    var index: Int
    var file: String
    var pts: Int64
    var timeBase: String
    var wallTime: String?
    var wallTimeSource: String?
    var width: Int
    var height: Int
    var kind: String
    var scale: Double
    var rangeMinimum: Float?
    var rangeMaximum: Float?
    var latitude: Double?
    var longitude: Double?
    var keyframe: Bool
    var flags: [String]
    var gap: Bool?

    /// The frame, or nil when a value can't be right.
    var frame: ManifestFrame? {
        let parts = timeBase.split(separator: "/").compactMap { Int($0) }
        guard parts.count == 2, Rational(parts[0], parts[1]).isPositive, width > 0, height > 0,
            let kind = DepthKind(rawValue: kind)
        else { return nil }
        let timestamp = Timestamp(pts, Rational(parts[0], parts[1]))
        var frame = ManifestFrame(timestamp: timestamp)
        frame.index = index
        frame.file = file
        if let wallTime {
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            guard let date = try? style.parse(wallTime) else { return nil }
            frame.wallTime = date.timeIntervalSince1970
        }
        frame.wallTimeSource = wallTimeSource.flatMap { .init(rawValue: $0) }
        (frame.width, frame.height) = (width, height)
        frame.kind = kind
        frame.scale = scale
        if let rangeMinimum, let rangeMaximum {
            guard rangeMinimum <= rangeMaximum else { return nil }
            frame.range = rangeMinimum...rangeMaximum
        }
        if let latitude, let longitude { frame.position = (latitude, longitude) }
        frame.isKeyFrame = keyframe
        for bit in 0..<UInt8.bitWidth {
            let flag = DepthFlags(rawValue: 1 << UInt8(bit))
            if let name = flag.names.first, flags.contains(name) { frame.flags.insert(flag) }
        }
        frame.followsGap = gap ?? false
        return frame
    }
}
