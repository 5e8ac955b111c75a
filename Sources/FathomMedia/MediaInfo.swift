import FathomCore

/// What is in a file, as far as its container and first packets tell.
public struct MediaInfo: Hashable, Sendable, Codable {
    /// The path, or "-" for standard input.
    public var path: String
    /// FFmpeg's short name of the container: "mov,mp4,m4a,3gp,3g2,mj2".
    public var container: String
    /// Length in seconds; nil when the container doesn't say or says something absurd.
    public var duration: Double?
    /// Time of the first packet in seconds; nil when unknown.
    public var startTime: Double?
    /// All streams, in the container's order.
    public var streams: [StreamInfo]
    /// Chapters in the order of the container.
    public var chapters: [Chapter]
    /// Title, creation time, location and the like.
    public var metadata: [String: String]

    /// A named part of the timeline.
    public struct Chapter: Hashable, Sendable, Codable {
        /// Start in seconds.
        public var start: Double
        /// End in seconds.
        public var end: Double
        /// The title, when there is one.
        public var title: String?
    }
}

/// One stream of a file.
public struct StreamInfo: Hashable, Sendable, Codable {
    /// What a stream carries.
    public enum Kind: String, Hashable, Sendable, Codable {
        /// Moving pictures, stills and cover art.
        case video
        /// Sound.
        case audio
        /// Text or pictures of text.
        case subtitle
        /// Anything timed that is none of the others: position, time code, sensor data.
        case data
        /// A file within the file, such as a font.
        case attachment
    }

    /// Position among the container's streams, from 0.
    public var index: Int
    /// What it carries.
    public var kind: Kind
    /// FFmpeg's name of the codec: "h264"; "unknown" when FFmpeg has none.
    public var codec: String
    /// The container's four-letter tag, or an empty string.
    public var tag: String
    /// Profile such as "High", when known.
    public var profile: String?
    /// Length of a tick of this stream's time stamps, in seconds.
    public var timeBase: Rational
    /// First time stamp in ticks, when the container says.
    public var startTicks: Int64?
    /// Length in seconds, when the container says something credible.
    public var duration: Double?
    /// Language as ISO 639-2, when stated.
    public var language: String?
    /// Title or handler, when stated.
    public var title: String?
    /// Whether players should pick it by default.
    public var isDefault: Bool
    /// Whether it is cover art or a thumbnail rather than video.
    public var isAttachedPicture: Bool
    /// What only moving pictures have.
    public var video: Video?
    /// What only sound has.
    public var audio: Audio?

    /// What only moving pictures have.
    public struct Video: Hashable, Sendable, Codable {
        /// Coded width in pixels, before rotation.
        public var width: Int
        /// Coded height in pixels, before rotation.
        public var height: Int
        /// FFmpeg's name of the pixel format: "yuv420p10le".
        public var pixelFormat: String
        /// Average or nominal frames a second; nil when unknown or absurd. For display and hints only.
        public var frameRate: Rational?
        /// Width to height of a pixel, before rotation, when stated.
        public var sampleAspectRatio: Rational?
        /// How the pixels must be turned to be upright.
        public var orientation: Orientation
        /// "tv" or "pc", when stated.
        public var colorRange: String?
        /// Name of the Y′CbCr matrix, when stated.
        public var colorMatrix: String?
        /// Name of the transfer function, when stated.
        public var colorTransfer: String?
        /// Name of the primaries, when stated.
        public var colorPrimaries: String?
        /// Whether the container or codec says that frames are made of two fields.
        public var isInterlaced: Bool
    }

    /// What only sound has.
    public struct Audio: Hashable, Sendable, Codable {
        /// Samples a second.
        public var sampleRate: Int
        /// Channels.
        public var channels: Int
    }

    /// As in `stream 1 (audio, aac)`: how warnings name it.
    public var name: String {
        var parts = [kind.rawValue]
        if codec != "unknown" { parts.append(codec) }
        if codec == "unknown" || codec == "bin_data", !tag.isEmpty { parts.append("'\(tag)'") }
        if let language, language != "und" { parts.append(language) }
        return "stream \(index) (\(parts.joined(separator: ", ")))"
    }
}

extension Rational: Codable {
    /// Reads the form that `encode(to:)` writes.
    public init(from decoder: any Swift.Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        let parts = text.split(separator: "/").compactMap { Int($0) }
        guard parts.count == 2 else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a ratio: \(text)"))
        }
        self.init(parts[0], parts[1])
    }

    /// Writes `24000/1001`.
    public func encode(to encoder: any Swift.Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
