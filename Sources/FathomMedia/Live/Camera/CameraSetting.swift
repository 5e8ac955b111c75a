import CFFmpeg
import CVideo4Linux
import FathomCore
import Foundation

/// What a camera was set to: what it made of what was asked for.
struct CameraSetting {
    let name: String
    let format: CameraFormat
    let width: Int
    let height: Int
    /// Frames a second as the driver says; nil when it doesn't.
    let rate: Rational?
    /// Where the lines are, for pictures that are not compressed.
    let layout: CameraFormat.Layout?
    let effective: [String]

    private let color: v4l2_pix_format

    /// Sets the best format, size and rate for what is asked for.
    init(_ device: any VideoDevice, _ options: LiveInput.Options) throws(CameraTrouble) {
        let capabilities = try Self.capabilities(device)
        guard
            let choice = CameraChoice.best(
                of: capabilities, format: options.format, size: options.size, rate: options.rate,
                rates: { CameraCapabilities.rates(device, $0.code, $1, $2) })
        else {
            let usable = capabilities.formats.compactMap { $0.known?.name }
            let known = usable.isEmpty ? capabilities.formats.map { tagText($0.code) } : usable
            let list = known.isEmpty ? "nothing" : known.joined(separator: ", ")
            throw CameraTrouble(
                .unsupportedCodec,
                options.format.map { "it has no format '\($0)': it offers \(list)" }
                    ?? "it has no pixel format that Fathom takes: it offers \(list)",
                "'fathom doctor --cameras' lists what it has")
        }
        let answer = try Self.setFormat(device, choice)
        guard let format = CameraFormat.known(answer.pixelformat) else {
            throw CameraTrouble(
                .unsupportedCodec,
                "it was asked for \(choice.format.name) and gives \(tagText(answer.pixelformat))",
                "Choose another --input-format")
        }
        (width, height) = (Int(answer.width), Int(answer.height))
        self.format = format
        color = answer
        layout = format.layout(
            width: width, height: height, stride: Int(answer.bytesperline))
        guard width > 0, height > 0, max(width, height) <= InputContext.maximumSide,
            width * height <= InputContext.maximumPixels, format.isCompressed || layout != nil
        else {
            throw CameraTrouble(
                .other,
                "its driver says \(width)×\(height) with \(answer.bytesperline) bytes a line, which can't be",
                "Choose another --input-size")
        }
        rate = Self.setRate(device, choice.rate ?? options.rate)
        name = capabilities.name
        let fps = rate.map { ", \(Self.text($0.value)) frames a second" } ?? ""
        var effective = ["\(width)×\(height) \(format.name)\(fps)"]
        if let asked = options.size, asked.width != width || asked.height != height {
            effective.append("the camera has no \(asked.width)×\(asked.height)")
        }
        if let asked = options.rate, rate.map({ abs($0.value / asked.value - 1) > 0.01 }) ?? true {
            effective.append("the camera does not give \(Self.text(asked.value)) frames a second")
        }
        self.effective = effective
    }

    private static func text(_ value: Double) -> String {
        String((value * 100).rounded() / 100).replacing(".0", with: "")
    }

    private static func capabilities(
        _ device: any VideoDevice
    ) throws(CameraTrouble) -> CameraCapabilities {
        switch CameraCapabilities.read(device) {
        case .failure(let error):
            throw CameraTrouble("it could not say what it is", failedWith: error)
        case .success(let capabilities):
            guard capabilities.givesPictures, capabilities.streams else {
                throw CameraTrouble(
                    .notFound,
                    capabilities.givesPictures
                        ? "it has no streaming input" : "it gives no pictures",
                    "'fathom doctor --cameras' lists the cameras")
            }
            return capabilities
        }
    }

    private static func setFormat(
        _ device: any VideoDevice, _ choice: CameraChoice
    ) throws(CameraTrouble) -> v4l2_pix_format {
        var request = v4l2_format()
        request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        request.fmt.pix.width = UInt32(choice.width)
        request.fmt.pix.height = UInt32(choice.height)
        request.fmt.pix.pixelformat = choice.format.code
        request.fmt.pix.field = V4L2_FIELD_ANY.rawValue
        let status = device.control(fathom_v4l2_s_fmt, &request)
        guard status == 0 else {
            throw CameraTrouble("it could not be set", failedWith: SystemError(status))
        }
        return request.fmt.pix
    }

    /// Sets the rate, where the driver lets one; returns the one in force.
    private static func setRate(_ device: any VideoDevice, _ rate: Rational?) -> Rational? {
        var request = v4l2_streamparm()
        request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        guard device.control(fathom_v4l2_g_parm, &request) == 0 else { return nil }
        if let rate, rate.isPositive,
            request.parm.capture.capability & UInt32(V4L2_CAP_TIMEPERFRAME) != 0
        {
            var wish = v4l2_streamparm()
            wish.type = request.type
            wish.parm.capture.timeperframe.numerator = UInt32(rate.denominator)
            wish.parm.capture.timeperframe.denominator = UInt32(rate.numerator)
            if device.control(fathom_v4l2_s_parm, &wish) == 0 { request = wish }
        }
        let interval = request.parm.capture.timeperframe
        let inForce = Rational(Int(interval.denominator), Int(interval.numerator))
        return inForce.isPositive && inForce.value <= 10_000 ? inForce : nil
    }

    /// What a decoder has to know.
    func makeParameters() throws(CameraTrouble) -> CodecParameters {
        var made = avcodec_parameters_alloc()
        defer { avcodec_parameters_free(&made) }
        guard let made else { throw CameraTrouble(.other, "there is not enough memory") }
        made.pointee.codec_type = AVMEDIA_TYPE_VIDEO
        made.pointee.codec_id = format.isCompressed ? AV_CODEC_ID_MJPEG : AV_CODEC_ID_RAWVIDEO
        made.pointee.width = Int32(width)
        made.pointee.height = Int32(height)
        made.pointee.format =
            format.isCompressed ? AV_PIX_FMT_NONE.rawValue : av_get_pix_fmt(format.name).rawValue
        switch color.quantization {
        case V4L2_QUANTIZATION_FULL_RANGE.rawValue:
            made.pointee.color_range = AVCOL_RANGE_JPEG
        case V4L2_QUANTIZATION_LIM_RANGE.rawValue:
            made.pointee.color_range = AVCOL_RANGE_MPEG
        default: break
        }
        switch color.ycbcr_enc {
        case V4L2_YCBCR_ENC_601.rawValue: made.pointee.color_space = AVCOL_SPC_SMPTE170M
        case V4L2_YCBCR_ENC_709.rawValue: made.pointee.color_space = AVCOL_SPC_BT709
        default: break
        }
        do { return try CodecParameters(copying: made) } catch {
            throw CameraTrouble(.other, error.cause)
        }
    }

    /// The stream that the pictures make.
    func streamInfo(_ parameters: CodecParameters) -> StreamInfo {
        StreamInfo(
            index: 0, kind: .video, codec: format.isCompressed ? "mjpeg" : "rawvideo",
            tag: tagText(format.code), profile: nil, timeBase: LiveTimeline.timeBase,
            startTicks: nil, duration: nil, language: nil, title: name, isDefault: true,
            isAttachedPicture: false,
            video: StreamInfo.Video(
                width: width, height: height,
                pixelFormat: format.isCompressed ? "unknown" : format.name, frameRate: rate,
                sampleAspectRatio: nil, orientation: .upright, colorRange: nil,
                colorMatrix: nil, colorTransfer: nil, colorPrimaries: nil, isInterlaced: false),
            audio: nil)
    }
}
