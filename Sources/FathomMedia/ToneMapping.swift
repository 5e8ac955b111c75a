import CFFmpeg
import FathomCore

/// The way from BT.2020 colours and HDR to BT.709 in limited range, by FFmpeg's zscale and tonemap filters.
enum ToneMapping {
    /// Luminance in cd/m² that becomes linear 1 before the tone map: with Hable's curve, which darkens, the
    /// nominal white of BT.709 (100) gives pictures as bright as a phone shows them; 203 (BT.2408) is too dark.
    private static let nominalWhite = 100

    /// A chain for frames that `tagged` has prepared.
    static func chain(
        _ traits: FrameTraits, bitDepth: Int, threads: Int
    ) throws(FathomError) -> FilterChain {
        let planar = bitDepth == 8 ? "yuv420p" : "yuv420p10le"
        let toneMap = traits.color.isHighDynamicRange ? "tonemap=tonemap=hable:desat=0," : ""
        let description =
            "zscale=transfer=linear:npl=\(nominalWhite),format=gbrpf32le,zscale=primaries=bt709,"
            + toneMap
            + "zscale=transfer=bt709:matrix=bt709:range=limited:primaries=bt709,format=\(planar)"
        let frame = try FrameHandle()
        frame.pointer.pointee.width = Int32(traits.width)
        frame.pointer.pointee.height = Int32(traits.height)
        frame.pointer.pointee.format = traits.format.rawValue
        return try FilterChain(description, for: frame.pointer, threads: threads)
    }

    /// The same picture with no tag left open: zscale refuses frames that don't say what they are.
    static func tagged(_ frame: FrameHandle, _ traits: FrameTraits) throws(FathomError)
        -> FrameHandle
    {
        let tagged = try frame.reference()
        let pointer = tagged.pointer
        if pointer.pointee.color_trc == AVCOL_TRC_UNSPECIFIED {
            pointer.pointee.color_trc = AVCOL_TRC_BT2020_10
        }
        pointer.pointee.color_primaries = AVCOL_PRI_BT2020
        if pointer.pointee.colorspace == AVCOL_SPC_UNSPECIFIED {
            pointer.pointee.colorspace = AVCOL_SPC_BT2020_NCL
        }
        pointer.pointee.color_range =
            traits.color.isFullRange ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        return tagged
    }
}
