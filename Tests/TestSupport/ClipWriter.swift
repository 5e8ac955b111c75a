import CFFmpeg
import FathomCore

/// A clip to generate: moving pictures, and whatever else a file can hold.
package struct Clip {
    /// Sound to add: a sine of 440 Hz in AAC, 44 100 samples a second.
    package struct Audio {
        package var seconds: Double
        package var language: String
        package init(seconds: Double, language: String = "eng") {
            self.seconds = seconds
            self.language = language
        }
    }

    /// Text to add, as SubRip, or as timed text in MP4.
    package struct Subtitles {
        package var lines: [(start: Int64, duration: Int64, text: String)]
        package var language: String
        package init(
            _ lines: [(start: Int64, duration: Int64, text: String)], language: String = "eng"
        ) {
            self.lines = lines
            self.language = language
        }
    }

    package var width = 64
    package var height = 48
    /// FFmpeg's name of the encoder and the pixel format.
    package var encoder = "libx264"
    package var pixelFormat = "yuv420p"
    /// The container; nil goes by the extension.
    package var format: String?
    package var timeBase = Rational(1, 25)
    /// One time a frame.
    package var times: [Int64] = Array(0..<10)
    package var sampleAspectRatio = Rational(1, 1)
    /// The nine numbers of a display matrix.
    package var displayMatrix: [Int32]?
    package var matrix = AVCOL_SPC_UNSPECIFIED
    package var range = AVCOL_RANGE_UNSPECIFIED
    package var transfer = AVCOL_TRC_UNSPECIFIED
    package var primaries = AVCOL_PRI_UNSPECIFIED
    package var isInterlaced = false
    package var bFrames = 0
    package var keyFrameDistance = 12
    package var encoderOptions: [String: String] = [:]
    package var muxerOptions: [String: String] = [:]
    package var audio: [Audio] = []
    package var subtitles: [Subtitles] = []
    /// A track of sensor data as action cameras write it (MP4 only): one packet for each string.
    package var sensorData: [String] = []
    /// Titles; each chapter lasts a second.
    package var chapters: [String] = []
    package var metadata: [String: String] = [:]
    /// Sample of a plane at a place in frame i, in code values; the default is a gradient that moves.
    package var paint: (_ frame: Int, _ plane: Int, _ x: Int, _ y: Int) -> Int = {
        frame, plane, x, y in
        plane == 0 ? 40 + (x * 2 + y + frame * 3) % 160 : 128 + (plane == 1 ? x : y) % 16
    }

    package init() {}

    /// Frames in an exact rhythm.
    package mutating func setRate(
        _ rate: Rational, frames: Int, timeBase: Rational? = nil, first: Int64 = 0
    ) {
        self.timeBase = timeBase ?? rate.inverse
        times = (0..<frames).map {
            first + Timestamp(Int64($0), rate.inverse).rescaled(to: self.timeBase).value
        }
    }
}

/// What went wrong inside FFmpeg while a test made or read a clip.
package struct ClipError: Error, CustomStringConvertible {
    package let description: String
}

func check(_ code: Int32, _ what: String) throws {
    guard code < 0 else { return }
    var buffer = [CChar](repeating: 0, count: 128)
    av_strerror(code, &buffer, buffer.count)
    throw ClipError(
        description: what + ": "
            + String(
                decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
}

func found<T>(_ value: T?, _ what: String) throws -> T {
    guard let value else { throw ClipError(description: "no \(what)") }
    return value
}

extension Clip {
    /// Writes the clip; an existing file is replaced.
    package func write(to path: String) throws {
        av_log_set_level(AV_LOG_WARNING)
        var context: UnsafeMutablePointer<AVFormatContext>?
        try check(avformat_alloc_output_context2(&context, nil, format, path), "container")
        let file = try found(context, "container")
        defer { avformat_free_context(file) }
        let video = try VideoTrack(self, in: file)
        let sound = try audio.map { try AudioTrack($0, in: file) }
        let texts = try subtitles.map { try addSubtitles($0, to: file) }
        let sensors = sensorData.isEmpty ? nil : try addSensors(to: file)
        try addChapters(to: file)
        for (key, value) in metadata { av_dict_set(&file.pointee.metadata, key, value, 0) }
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        for (key, value) in muxerOptions { av_dict_set(&options, key, value, 0) }
        // Pictures are files of the muxer's own.
        if file.pointee.oformat.pointee.flags & AVFMT_NOFILE == 0 {
            try check(avio_open(&file.pointee.pb, path, AVIO_FLAG_WRITE), path)
        }
        defer { avio_closep(&file.pointee.pb) }
        try check(avformat_write_header(file, &options), "header")
        try video.write()
        for track in sound { try track.write() }
        for (track, text) in zip(texts, subtitles) {
            for line in text.lines {
                let words = Array(line.text.utf8)
                let isTimedText = track.pointee.codecpar.pointee.codec_id == AV_CODEC_ID_MOV_TEXT
                let bytes = isTimedText ? [0, UInt8(words.count)] + words : words
                try writePacket(
                    bytes, pts: line.start, duration: line.duration,
                    timeBase: AVRational(num: 1, den: 1000), stream: track, file: file)
            }
        }
        if let sensors {
            for (index, text) in sensorData.enumerated() {
                try writePacket(
                    Array(text.utf8), pts: Int64(index * 100), duration: 100,
                    timeBase: AVRational(num: 1, den: 1000), stream: sensors, file: file)
            }
        }
        try check(av_write_trailer(file), "trailer")
    }

    private func addSubtitles(
        _ text: Subtitles, to file: UnsafeMutablePointer<AVFormatContext>
    ) throws -> UnsafeMutablePointer<AVStream> {
        let stream = try found(avformat_new_stream(file, nil), "stream")
        let isMov = ["mp4", "mov"].contains(String(cString: file.pointee.oformat.pointee.name))
        stream.pointee.codecpar.pointee.codec_type = AVMEDIA_TYPE_SUBTITLE
        stream.pointee.codecpar.pointee.codec_id = isMov ? AV_CODEC_ID_MOV_TEXT : AV_CODEC_ID_SUBRIP
        stream.pointee.time_base = AVRational(num: 1, den: 1000)
        av_dict_set(&stream.pointee.metadata, "language", text.language, 0)
        return stream
    }

    private func addSensors(
        to file: UnsafeMutablePointer<AVFormatContext>
    ) throws -> UnsafeMutablePointer<AVStream> {
        let stream = try found(avformat_new_stream(file, nil), "stream")
        stream.pointee.codecpar.pointee.codec_type = AVMEDIA_TYPE_DATA
        stream.pointee.codecpar.pointee.codec_id = AV_CODEC_ID_BIN_DATA
        stream.pointee.codecpar.pointee.codec_tag = fathom_tag(103, 112, 109, 100)
        stream.pointee.time_base = AVRational(num: 1, den: 1000)
        return stream
    }

    private func addChapters(to file: UnsafeMutablePointer<AVFormatContext>) throws {
        guard !chapters.isEmpty else { return }
        let size = MemoryLayout<UnsafeMutablePointer<AVChapter>?>.stride
        let array = try found(av_mallocz(size * chapters.count), "memory")
        file.pointee.chapters = array.assumingMemoryBound(to: UnsafeMutablePointer<AVChapter>?.self)
        for (index, title) in chapters.enumerated() {
            let memory = try found(av_mallocz(MemoryLayout<AVChapter>.size), "memory")
            let chapter = memory.assumingMemoryBound(to: AVChapter.self)
            chapter.pointee.id = Int64(index)
            chapter.pointee.time_base = AVRational(num: 1, den: 1000)
            chapter.pointee.start = Int64(index * 1000)
            chapter.pointee.end = Int64(index * 1000 + 1000)
            av_dict_set(&chapter.pointee.metadata, "title", title, 0)
            file.pointee.chapters[index] = chapter
            file.pointee.nb_chapters += 1
        }
    }
}

func writePacket(
    _ bytes: [UInt8], pts: Int64, duration: Int64, timeBase: AVRational,
    stream: UnsafeMutablePointer<AVStream>, file: UnsafeMutablePointer<AVFormatContext>
) throws {
    let packet = try found(av_packet_alloc(), "packet")
    defer {
        var packet: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&packet)
    }
    try check(av_new_packet(packet, Int32(bytes.count)), "packet")
    packet.pointee.data.update(from: bytes, count: bytes.count)
    packet.pointee.pts = pts
    packet.pointee.dts = pts
    packet.pointee.duration = duration
    packet.pointee.flags = AV_PKT_FLAG_KEY
    packet.pointee.stream_index = stream.pointee.index
    av_packet_rescale_ts(packet, timeBase, stream.pointee.time_base)
    try check(av_interleaved_write_frame(file, packet), "packet")
}
