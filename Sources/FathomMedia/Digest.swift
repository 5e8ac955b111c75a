import CFFmpeg
import FathomCore

/// Fingerprints of files, by libavutil.
public enum Digest {
    /// SHA-256 (FIPS 180-4) in lower-case hexadecimal.
    public static func sha256(_ bytes: UnsafeRawBufferPointer) throws(FathomError) -> String {
        guard let context = av_sha_alloc() else { throw .outOfMemory("read") }
        defer { av_free(UnsafeMutableRawPointer(context)) }
        guard av_sha_init(context, 256) >= 0 else { throw .outOfMemory("read") }
        av_sha_update(
            context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        var digest = [UInt8](repeating: 0, count: 32)
        av_sha_final(context, &digest)
        let digits = Array("0123456789abcdef")
        return String(digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
