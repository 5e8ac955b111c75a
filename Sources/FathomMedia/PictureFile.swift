import CFFmpeg
import FathomCore
import Glibc

/// Writes a single picture as PNG or JPEG, by the name's extension.
public enum PictureFile {
    /// Whether a name is that of a picture that can be written.
    public static func isPicture(_ path: String) -> Bool {
        ["png", "jpg", "jpeg"].contains(fileExtension(path))
    }

    private static func fileExtension(_ path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        return name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
    }

    /// Checks that the file may be written, before anything slow is done.
    public static func check(
        _ path: String, overwrites: Bool, input: MediaInput?
    ) throws(FathomError) {
        try OutputNames(path: path).check(overwrites: overwrites, input: input)
    }

    /// Writes the picture under a passing name, then gives it its own; returns its size in bytes.
    @discardableResult
    public static func write(_ frame: VideoFrame, to path: String) throws(FathomError) -> Int64 {
        let isJPEG = fileExtension(path) != "png"
        let bytes =
            isJPEG ? try JPEGEncoder(format: frame.format).encode(frame) : try png(frame)
        let names = OutputNames(path: path)
        let file = try OutputFile(path: names.partial)
        let code = bytes.withUnsafeBufferPointer { buffer -> Int32 in
            avio_write(file.context, buffer.baseAddress, Int32(buffer.count))
            avio_flush(file.context)
            return file.failure
        }
        guard code == 0 else {
            unlink(names.partial)
            throw OutputFile.error(path, code)
        }
        try names.publish(names.partial)
        return Int64(bytes.count)
    }

    /// 8-bit RGB, 16-bit where the picture has more than 8.
    private static func png(_ frame: VideoFrame) throws(FathomError) -> [UInt8] {
        let format = frame.format
        let target = format.bitDepth > 8 ? AV_PIX_FMT_RGB48BE : AV_PIX_FMT_RGB24
        let scaler = try Scaler(
            from: Scaler.Side(
                width: format.width, height: format.height, format: format.pixelFormat),
            to: Scaler.Side(
                width: format.width, height: format.height, format: target, isFullRange: true))
        let picture = try FrameHandle()
        picture.pointer.pointee.format = target.rawValue
        picture.pointer.pointee.width = Int32(format.width)
        picture.pointer.pointee.height = Int32(format.height)
        guard av_frame_get_buffer(picture.pointer, 0) >= 0 else { throw .outOfMemory("encode") }
        try scaler.scale(
            frame.handle.pointer, into: (picture.pointer.pointee.data.0, nil, nil),
            strides: (picture.pointer.pointee.linesize.0, 0, 0))
        return try StillImage.encoded(picture, AV_CODEC_ID_PNG, "PNG") { _ in }
    }
}
