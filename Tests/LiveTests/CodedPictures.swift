import CFFmpeg
import FathomCore
import Foundation

/// What FFmpeg's own decoder finds in a file: the bar codes and times of its pictures.
struct CodedPictures {
    /// One picture.
    struct Picture {
        var code: BarCode
        /// Seconds on the file's clock.
        var time: Double
        var width: Int
        var height: Int
    }

    var pictures: [Picture] = []
    /// Packets of sound.
    var audioPackets = 0
    /// FFmpeg's name of the video's codec.
    var codec = ""

    var numbers: FrameNumbers { FrameNumbers(pictures.map(\.code.number)) }
    var times: [Double] { pictures.map(\.time) }
    /// Whether no picture is earlier than the one before. Matroska counts milliseconds: pictures that arrive together, as
    /// those of a source without a clock after a pause do, may share one.
    var isInOrder: Bool { zip(times, times.dropFirst()).allSatisfy { $0 <= $1 } }

    /// Reads a file; `panel` is the share of the width, from the left, that is the source's picture.
    init(_ path: String, panel: (Int, Int) = (1, 1)) throws {
        var opened: UnsafeMutablePointer<AVFormatContext>?
        guard avformat_open_input(&opened, path, nil, nil) >= 0, let file = opened else {
            throw LivePart.Failure(description: "\(path) can't be opened")
        }
        defer { avformat_close_input(&opened) }
        avformat_find_stream_info(file, nil)
        let index = av_find_best_stream(file, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
        guard index >= 0, let stream = file.pointee.streams[Int(index)],
            let decoder = avcodec_find_decoder(stream.pointee.codecpar.pointee.codec_id)
        else { throw LivePart.Failure(description: "\(path) has no video") }
        codec = String(cString: decoder.pointee.name)
        var context = avcodec_alloc_context3(decoder)
        defer { avcodec_free_context(&context) }
        avcodec_parameters_to_context(context, stream.pointee.codecpar)
        avcodec_open2(context, decoder, nil)
        var packet = av_packet_alloc()
        var frame = av_frame_alloc()
        defer {
            av_packet_free(&packet)
            av_frame_free(&frame)
        }
        let tick = av_q2d(stream.pointee.time_base)
        func receive() {
            while avcodec_receive_frame(context, frame) >= 0, let picture = frame?.pointee {
                let (width, height) = (Int(picture.width), Int(picture.height))
                let stride = Int(picture.linesize.0)
                let luma = UnsafeBufferPointer(start: picture.data.0, count: stride * height)
                let code = BarCode(
                    luma, stride: stride, width: width * panel.0 / panel.1, height: height)
                pictures.append(
                    Picture(
                        code: code, time: Double(picture.best_effort_timestamp) * tick,
                        width: width, height: height))
            }
        }
        while av_read_frame(file, packet) >= 0, let read = packet {
            defer { av_packet_unref(packet) }
            if read.pointee.stream_index == index {
                avcodec_send_packet(context, packet)
                receive()
            } else if let other = file.pointee.streams[Int(read.pointee.stream_index)],
                other.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_AUDIO
            {
                audioPackets += 1
            }
        }
        avcodec_send_packet(context, nil)
        receive()
    }
}

/// The files of a recording: `STAMP-SOURCE-original.mkv` and `…-depth.mkv` for every segment.
struct RecordedSegments {
    /// Paths by segment, in the order of time.
    var originals: [String] = []
    var depths: [String] = []

    init(_ folder: String, source: Int = 0) {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        for name in names where name.hasSuffix(".mkv") {
            let parts = name.split(separator: "-")
            guard parts.count == 3, parts[1].prefix(while: \.isNumber) == "\(source)" else {
                continue
            }
            if parts[2].hasPrefix("original") { originals.append("\(folder)/\(name)") }
            if parts[2].hasPrefix("depth") { depths.append("\(folder)/\(name)") }
        }
    }

    /// Pictures of all originals in a row.
    func originalPictures() throws -> [CodedPictures] {
        try originals.map { try CodedPictures($0) }
    }

    /// The source's half of all depth videos in a row, recorded with `--layout side-by-side`.
    func depthPictures() throws -> [CodedPictures] {
        try depths.map { try CodedPictures($0, panel: (1, 2)) }
    }
}
