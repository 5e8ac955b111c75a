import CFFmpeg
import FathomCore

/// A picture as FFmpeg's own decoder gives it, without any conversion.
public struct DecodedPicture {
    /// Columns of luma.
    public var width: Int
    /// Rows of luma.
    public var height: Int
    /// FFmpeg's name of the pixel format.
    public var pixelFormat: String
    /// How colour is coded, as the stream says.
    public var matrix: AVColorSpace
    /// Limited or full range, as the stream says.
    public var range: AVColorRange
    /// The transfer curve, as the stream says.
    public var transfer: AVColorTransferCharacteristic
    /// The shape of a pixel.
    public var sampleAspectRatio: Rational
    /// Whether it is flagged as two fields.
    public var isInterlaced: Bool
    /// When it is shown.
    public var timestamp: Timestamp
    /// Samples of each plane, row by row, without padding; chroma planes are of their own size.
    public var planes: [[Int]]
    /// Samples in a row of each plane.
    public var widths: [Int]

    /// A sample of a plane.
    public func sample(_ plane: Int, _ x: Int, _ y: Int) -> Int {
        planes[plane][y * widths[plane] + x]
    }

    /// Mean of a plane's samples.
    public func mean(_ plane: Int) -> Double {
        Double(planes[plane].reduce(0, +)) / Double(planes[plane].count)
    }

    /// Every picture of a file's first video, for checks that do not rest on Fathom's readers.
    public static func read(_ path: String) throws -> [DecodedPicture] {
        var opened: UnsafeMutablePointer<AVFormatContext>?
        try check(avformat_open_input(&opened, path, nil, nil), path)
        defer { avformat_close_input(&opened) }
        let file = try found(opened, path)
        try check(avformat_find_stream_info(file, nil), path)
        let index = av_find_best_stream(file, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
        try check(index, "video")
        let stream = try found(file.pointee.streams[Int(index)], "video")
        let codec = try found(
            avcodec_find_decoder(stream.pointee.codecpar.pointee.codec_id), "decoder")
        var made = avcodec_alloc_context3(codec)
        defer { avcodec_free_context(&made) }
        let context = try found(made, "decoder")
        try check(avcodec_parameters_to_context(context, stream.pointee.codecpar), "decoder")
        context.pointee.thread_count = 1
        try check(avcodec_open2(context, codec, nil), "decoder")
        var packet = av_packet_alloc()
        var frame = av_frame_alloc()
        defer {
            av_packet_free(&packet)
            av_frame_free(&frame)
        }
        let timeBase = Rational(
            Int(stream.pointee.time_base.num), Int(stream.pointee.time_base.den))
        var pictures: [DecodedPicture] = []
        func receive() throws {
            let frame = try found(frame, "frame")
            while avcodec_receive_frame(context, frame) >= 0 {
                pictures.append(try DecodedPicture(frame.pointee, timeBase: timeBase))
            }
        }
        while av_read_frame(file, packet) >= 0 {
            defer { av_packet_unref(packet) }
            guard packet?.pointee.stream_index == index else { continue }
            avcodec_send_packet(context, packet)
            try receive()
        }
        avcodec_send_packet(context, nil)
        try receive()
        return pictures
    }

    private init(_ frame: AVFrame, timeBase: Rational) throws {
        let format = AVPixelFormat(frame.format)
        let description = try found(av_pix_fmt_desc_get(format), "pixel format").pointee
        width = Int(frame.width)
        height = Int(frame.height)
        pixelFormat = String(cString: description.name)
        matrix = frame.colorspace
        range = frame.color_range
        transfer = frame.color_trc
        sampleAspectRatio = Rational(
            Int(frame.sample_aspect_ratio.num), Int(frame.sample_aspect_ratio.den))
        isInterlaced = frame.interlaced_frame != 0
        timestamp = Timestamp(frame.best_effort_timestamp, timeBase)
        planes = []
        widths = []
        let components = [
            description.comp.0, description.comp.1, description.comp.2, description.comp.3,
        ]
        let data = [frame.data.0, frame.data.1, frame.data.2, frame.data.3]
        let strides = [
            frame.linesize.0, frame.linesize.1, frame.linesize.2, frame.linesize.3,
        ]
        let isRGB = description.flags & UInt64(AV_PIX_FMT_FLAG_RGB) != 0
        let isBig = description.flags & UInt64(AV_PIX_FMT_FLAG_BE) != 0
        func word(_ place: UnsafeRawPointer) -> UInt16 { place.loadUnaligned(as: UInt16.self) }
        for component in 0..<Int(description.nb_components) {
            let layout = components[component]
            let isChroma = (component == 1 || component == 2) && !isRGB
            let across = isChroma ? Int(description.log2_chroma_w) : 0
            let down = isChroma ? Int(description.log2_chroma_h) : 0
            let columns = (width + (1 << across) - 1) >> across
            let rows = (height + (1 << down) - 1) >> down
            let base = try found(data[Int(layout.plane)], "plane")
            var samples: [Int] = []
            samples.reserveCapacity(columns * rows)
            for row in 0..<rows {
                let start =
                    UnsafeRawPointer(base)
                    + row * Int(strides[Int(layout.plane)]) + Int(layout.offset)
                for column in 0..<columns {
                    let place = start + column * Int(layout.step)
                    let value =
                        layout.depth > 8
                        ? Int(isBig ? word(place).byteSwapped : word(place))
                        : Int(place.load(as: UInt8.self))
                    samples.append(value >> Int(layout.shift))
                }
            }
            planes.append(samples)
            widths.append(columns)
        }
    }
}
