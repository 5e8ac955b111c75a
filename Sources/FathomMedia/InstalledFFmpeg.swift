import CFFmpeg

/// The FFmpeg that Fathom runs on.
public enum InstalledFFmpeg {
    /// Its version, such as "5.1.9-0+deb12u1".
    public static var version: String { String(cString: av_version_info()) }

    /// Names of all decoders of moving pictures.
    public static var videoDecoders: [String] {
        var names: [String] = []
        var place: UnsafeMutableRawPointer?
        while let codec = av_codec_iterate(&place) {
            if av_codec_is_decoder(codec) != 0, codec.pointee.type == AVMEDIA_TYPE_VIDEO {
                names.append(String(cString: codec.pointee.name))
            }
        }
        return names
    }
}
