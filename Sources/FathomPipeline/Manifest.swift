import FathomCore
import FathomDepth
import FathomMedia
import Foundation

/// The first line of `manifest.jsonl`.
public struct ManifestHeader: Hashable, Sendable, Codable {
    /// A network by name and content.
    public struct Model: Hashable, Sendable, Codable {
        /// Its name.
        public var name: String
        /// SHA-256 of its file, in hexadecimal.
        public var sha256: String
    }

    /// The version of the format: 1.
    public var manifestVersion = 1
    /// The network that gave the depth.
    public var model: Model
    /// The calibration file, if any.
    public var camera: String?
    /// The files' format.
    public var format: DepthFileFormat = .npy
    /// The unit of their values.
    public var unit: DepthUnit = .relative

    /// A header; the writer of the folder fills in format and unit.
    public init(modelName: String, modelHash: String, camera: String? = nil) {
        model = Model(name: modelName, sha256: modelHash)
        self.camera = camera
    }
}

/// A frame's line of `manifest.jsonl`.
public struct ManifestFrame: Hashable, Sendable {
    /// Position among the files.
    public var index = 0
    /// The file's name.
    public var file = ""
    /// The frame's moment in the source: `pts`, `timeBase`, `time`.
    public var timestamp: Timestamp
    /// Seconds since 1970, if known; written as ISO 8601.
    public var wallTime: Double?
    /// Where it comes from.
    public var wallTimeSource: WallTimeSource?
    /// Samples in a row.
    public var width = 0
    /// Rows.
    public var height = 0
    /// What the values are.
    public var kind = DepthKind.inverseDepth
    /// Steps a unit: 1 unless the file has whole numbers.
    public var scale = 1.0
    /// The range that applies, in the file's unit: of the colours, or of 16-bit values.
    public var range: ClosedRange<Float>?
    /// Degrees north and east, if the source has them.
    public var position: (latitude: Double, longitude: Double)? {
        get { latitude.flatMap { north in longitude.map { (north, $0) } } }
        set { (latitude, longitude) = (newValue?.latitude, newValue?.longitude) }
    }
    /// Whether the source's frame is a key frame.
    public var isKeyFrame = false
    /// What is to be known about it.
    public var flags: DepthFlags = []
    /// Whether frames before it are missing, because a live source was away or its clock jumped.
    public var followsGap = false
    private var latitude: Double?
    private var longitude: Double?

    /// A frame at a moment.
    public init(timestamp: Timestamp, range: ClosedRange<Float>? = nil) {
        self.timestamp = timestamp
        self.range = range
    }
}

/// Writes `manifest.jsonl` line by line; each line is in the file when the call returns.
public final class ManifestWriter {
    /// Bytes written.
    public private(set) var bytes = 0
    private let sink: FileSink

    /// Begins the file with its header.
    public init(path: String, header: ManifestHeader) throws(FathomError) {
        sink = try FileSink(path: path)
        var line = ManifestLine()
        line.add("manifestVersion", "\(header.manifestVersion)")
        var model = ManifestLine()
        model.add("name", ManifestLine.text(header.model.name))
        model.add("sha256", ManifestLine.text(header.model.sha256))
        line.add("model", model.json)
        line.add("camera", header.camera.map { ManifestLine.text($0) })
        line.add("format", ManifestLine.text(header.format.rawValue))
        line.add("unit", ManifestLine.text(header.unit.rawValue))
        try write(line)
    }

    /// Adds a frame's line.
    public func write(_ frame: ManifestFrame) throws(FathomError) {
        var line = ManifestLine()
        line.add("index", "\(frame.index)")
        line.add("file", ManifestLine.text(frame.file))
        line.add("pts", "\(frame.timestamp.value)")
        line.add("timeBase", ManifestLine.text(frame.timestamp.timeBase.description))
        line.add("time", ManifestLine.number(frame.timestamp.seconds))
        line.add("wallTime", frame.wallTime.flatMap { ManifestLine.moment($0) })
        line.add("wallTimeSource", frame.wallTimeSource.map { ManifestLine.text($0.rawValue) })
        line.add("width", "\(frame.width)")
        line.add("height", "\(frame.height)")
        line.add("kind", ManifestLine.text(frame.kind.rawValue))
        line.add("scale", ManifestLine.number(frame.scale))
        line.add("rangeMinimum", frame.range.flatMap { ManifestLine.number($0.lowerBound) })
        line.add("rangeMaximum", frame.range.flatMap { ManifestLine.number($0.upperBound) })
        line.add("latitude", frame.position.flatMap { ManifestLine.number($0.latitude) })
        line.add("longitude", frame.position.flatMap { ManifestLine.number($0.longitude) })
        line.add("keyframe", frame.isKeyFrame ? "true" : "false")
        let flags = frame.flags.names.map { ManifestLine.text($0) }
        line.add("flags", "[" + flags.joined(separator: ",") + "]")
        if frame.followsGap { line.add("gap", "true") }
        try write(line)
    }

    /// Closes the file.
    public func finish() throws(FathomError) { try sink.close() }

    private func write(_ line: ManifestLine) throws(FathomError) {
        let data = Array((line.json + "\n").utf8)
        try data.withUnsafeBufferPointer { (buffer) throws(FathomError) in
            try sink.write(UnsafeRawBufferPointer(buffer))
        }
        bytes += data.count
    }
}

/// A JSON object with its keys in the order given: people and line tools read it too.
private struct ManifestLine {
    private var members: [String] = []

    var json: String { "{" + members.joined(separator: ",") + "}" }

    mutating func add(_ key: String, _ value: String?) {
        members.append("\"\(key)\":\(value ?? "null")")
    }

    /// A finite number, else nothing: JSON has no others.
    static func number<T: BinaryFloatingPoint & LosslessStringConvertible>(_ value: T) -> String? {
        value.isFinite ? value.description : nil
    }

    static func text(_ value: String) -> String {
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\u{0}"..."\u{1f}":
                let code = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - code.count) + code
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Seconds since 1970 as ISO 8601 in UTC with milliseconds.
    static func moment(_ seconds: Double) -> String? {
        // Up to the year 9999.
        guard seconds >= 0, seconds < 253_402_300_799 else { return nil }
        let milliseconds = Int((seconds * 1000).rounded())
        let moment = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return text(moment.formatted(style))
    }
}
