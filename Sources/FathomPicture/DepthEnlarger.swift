import FathomCore
import FathomDepth

/// Brings depth maps to their pictures' size, as numbers: what depth files and dumps hold.
///
/// One thread at a time may use it.
public final class DepthEnlarger: @unchecked Sendable {
    // Sendable: moved between threads, never used by two at once.

    /// The format of the pictures, and the size of the results.
    public let format: PictureFormat
    private let upsampler: GuidedUpsampler
    private let guide: GuideRows
    private let guideScratch: GuideRows.Scratch
    private var scratch: GuidedUpsampler.Scratch?
    private let brightness: UnsafeMutablePointer<Float>
    private let values: UnsafeMutablePointer<Float>

    /// For pictures of one format.
    public init(source: PictureFormat, method: UpsamplingMethod) {
        format = source
        upsampler = GuidedUpsampler(method: method, width: source.width, height: source.height)
        guide = GuideRows(source: source, width: source.width, height: source.height)
        guideScratch = guide.makeScratch()
        brightness = .allocate(capacity: source.width)
        brightness.initialize(repeating: 0, count: source.width)
        values = .allocate(capacity: source.width * source.height)
        values.initialize(repeating: 0, count: source.width * source.height)
    }

    deinit {
        brightness.deallocate()
        values.deallocate()
    }

    /// Depth at the picture's size, row by row from the top, in the map's unit; holds for the closure only.
    public func withEnlarged<R, E: Error>(
        _ map: DepthMap, guide picture: PictureView,
        _ body: (UnsafeBufferPointer<Float>) throws(E) -> R
    ) throws(E) -> R {
        precondition(picture.format == format, "the enlarger was made for another format")
        upsampler.load(map)
        let rows: GuidedUpsampler.Scratch
        if let scratch, upsampler.fits(scratch) {
            rows = scratch
        } else {
            rows = upsampler.makeScratch()
            scratch = rows
        }
        for y in 0..<format.height {
            guide.row(y, of: picture, into: brightness, scratch: guideScratch)
            upsampler.row(
                y, brightness: brightness, into: values + y * format.width, scratch: rows)
        }
        return try body(
            UnsafeBufferPointer(start: values, count: format.width * format.height))
    }
}
