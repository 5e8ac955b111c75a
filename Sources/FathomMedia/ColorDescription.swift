import CFFmpeg
import CKernels
import FathomCore

/// What a frame's samples mean: matrix, range, transfer and primaries, with nothing left unspecified.
struct ColorDescription: Hashable {
    /// Weights of red and blue in luma (ITU-T H.273, table 4).
    struct Matrix: Hashable {
        var red: Double
        var blue: Double
        var name: String

        static let bt709 = Matrix(red: 0.2126, blue: 0.0722, name: "BT.709")
        static let bt601 = Matrix(red: 0.299, blue: 0.114, name: "BT.601")
        static let bt2020 = Matrix(red: 0.2627, blue: 0.0593, name: "BT.2020")
        static let fcc = Matrix(red: 0.30, blue: 0.11, name: "FCC")
        static let smpte240 = Matrix(red: 0.212, blue: 0.087, name: "SMPTE 240M")
    }

    var matrix: Matrix
    var isFullRange: Bool
    /// Perceptual quantizer or hybrid log-gamma: to be tone-mapped.
    var isHighDynamicRange: Bool
    /// BT.2020 primaries: colours outside BT.709 have to be brought in.
    var isWideGamut: Bool

    init(_ frame: UnsafePointer<AVFrame>, layout: PixelLayout) {
        let transfer = frame.pointee.color_trc
        isHighDynamicRange =
            transfer == AVCOL_TRC_SMPTE2084 || transfer == AVCOL_TRC_ARIB_STD_B67
        isWideGamut =
            isHighDynamicRange || frame.pointee.color_primaries == AVCOL_PRI_BT2020
        switch frame.pointee.colorspace {
        case AVCOL_SPC_BT709: matrix = .bt709
        case AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M: matrix = .bt601
        case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: matrix = .bt2020
        case AVCOL_SPC_FCC: matrix = .fcc
        case AVCOL_SPC_SMPTE240M: matrix = .smpte240
        default:
            // Untagged: what players do, standard definition is BT.601.
            matrix = isWideGamut ? .bt2020 : frame.pointee.height < 720 ? .bt601 : .bt709
        }
        switch frame.pointee.color_range {
        case AVCOL_RANGE_JPEG: isFullRange = true
        case AVCOL_RANGE_MPEG: isFullRange = false
        default: isFullRange = layout.isFullRangeByName || layout.kind == .gray
        }
    }

    /// The samples that every canonical picture has.
    var isCanonical: Bool { matrix == .bt709 && !isFullRange && !isWideGamut }

    /// BT.709 in limited range: what every canonical picture has.
    static let canonical = ColorDescription(matrix: .bt709, isFullRange: false)
    /// What every JPEG has (JFIF, ITU-T T.871).
    static let jpeg = ColorDescription(matrix: .bt601, isFullRange: true)

    private init(matrix: Matrix, isFullRange: Bool) {
        self.matrix = matrix
        self.isFullRange = isFullRange
        isHighDynamicRange = false
        isWideGamut = false
    }

    /// The map to samples of another matrix and range, both of `bitDepth` bits; primaries are not touched.
    func map(to other: ColorDescription, bitDepth: Int) -> fathom_color_map {
        let target = other.matrix
        let unit = Double(1 << (bitDepth - 8))
        let peak = Double((1 << bitDepth) - 1)
        let black = isFullRange ? 0 : 16 * unit
        let lumaScale = isFullRange ? peak : 219 * unit
        let chromaScale = isFullRange ? peak : 224 * unit
        let middle = 128 * unit
        // R′, G′, B′ from luma 0…1 and chroma −½…½ (H.273, equations 50 to 52, turned over).
        let greenWeight = 1 - matrix.red - matrix.blue
        let redFromRed = 2 * (1 - matrix.red)
        let blueFromBlue = 2 * (1 - matrix.blue)
        let greenFromBlue = -matrix.blue * blueFromBlue / greenWeight
        let greenFromRed = -matrix.red * redFromRed / greenWeight
        let targetGreen = 1 - target.red - target.blue
        // Luma of the target from the source's; its own luma comes through with factor 1.
        let lumaFromBlue = targetGreen * greenFromBlue + target.blue * blueFromBlue
        let lumaFromRed = target.red * redFromRed + targetGreen * greenFromRed
        // Chroma of the target: (B′ − Y′) / (2 − 2 Kb), (R′ − Y′) / (2 − 2 Kr).
        let blueSpan = 2 * (1 - target.blue)
        let redSpan = 2 * (1 - target.red)
        let one = 16384.0
        let toLuma = (other.isFullRange ? peak : 219 * unit) * one
        let toChroma = (other.isFullRange ? peak : 224 * unit) * one
        let targetBlack = other.isFullRange ? 0 : 16 * unit * one
        let chroma = toChroma / chromaScale
        func whole(_ value: Double) -> Int32 { Int32(value.rounded()) }
        var map = fathom_color_map()
        map.luma_from_luma = whole(toLuma / lumaScale)
        map.luma_from_blue = whole(toLuma * lumaFromBlue / chromaScale)
        map.luma_from_red = whole(toLuma * lumaFromRed / chromaScale)
        map.blue_from_blue = whole(chroma * (blueFromBlue - lumaFromBlue) / blueSpan)
        map.blue_from_red = whole(chroma * -lumaFromRed / blueSpan)
        map.red_from_blue = whole(chroma * -lumaFromBlue / redSpan)
        map.red_from_red = whole(chroma * (redFromRed - lumaFromRed) / redSpan)
        // Offsets from the rounded factors, so that gray stays gray to the bit.
        let half = 8192.0
        map.luma_offset = whole(
            targetBlack + half - black * Double(map.luma_from_luma)
                - middle * Double(map.luma_from_blue + map.luma_from_red))
        map.blue_offset = whole(
            middle * one + half - middle * Double(map.blue_from_blue + map.blue_from_red))
        map.red_offset = whole(
            middle * one + half - middle * Double(map.red_from_blue + map.red_from_red))
        return map
    }

    /// As in a note: "BT.601, full range".
    var name: String { "\(matrix.name), \(isFullRange ? "full" : "limited") range" }
}

/// How a pixel format of FFmpeg is laid out, as far as the way to a canonical picture depends on it.
struct PixelLayout: Hashable {
    enum Kind: Hashable {
        /// Y′CbCr of any sampling.
        case luma
        /// Luma alone.
        case gray
        /// Red, green, blue, or a palette of them.
        case rgb
    }

    let kind: Kind
    /// Bits of the deepest component.
    let bitDepth: Int
    /// A format such as yuvj420p that says "full range" by its name.
    let isFullRangeByName: Bool
    /// Planar 4:2:0 of 8 bit or of 10 bit in the low bits: what the colour kernels take.
    let isCanonical: Bool

    init(_ format: AVPixelFormat) throws(FathomError) {
        guard let descriptor = av_pix_fmt_desc_get(format)?.pointee else {
            throw FathomError(
                operation: "decode", subject: "the video",
                cause: "its pixel format is not known to FFmpeg",
                remedy: "Convert it to H.264 with another program")
        }
        let flags = descriptor.flags
        guard flags & UInt64(AV_PIX_FMT_FLAG_HWACCEL) == 0 else {
            throw FathomError(
                operation: "decode", subject: "the video",
                cause: "its frames lie in the memory of a device",
                remedy: "Convert it to H.264 with another program")
        }
        let isRGB = flags & UInt64(AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) != 0
        kind = isRGB ? .rgb : descriptor.nb_components < 3 ? .gray : .luma
        bitDepth = Int(descriptor.comp.0.depth)
        isFullRangeByName = [
            AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ440P,
            AV_PIX_FMT_YUVJ411P,
        ].contains(format)
        isCanonical = [AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P10LE].contains(
            format)
    }
}
