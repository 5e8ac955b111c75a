import FathomCore
import FathomMedia
import TestSupport

/// The way of a frame without a network between: what is in the output is what the media room made of the input.
struct Transcode {
    var frames: [VideoFrame] = []
    var notes: [String] = []
    var warnings: [String] = []
    var damagedFrames = 0
    var decodingErrors = 0

    /// Decodes and normalises all frames.
    static func read(_ path: String, stream: Int? = nil, threads: Int = 2) throws -> Transcode {
        try run(path, to: nil, stream: stream, threads: threads)
    }

    /// Reads `path` and writes it anew as `output`; nil only reads.
    @discardableResult
    static func run(
        _ path: String, to output: String?, settings: EncoderSettings? = nil,
        options: Muxer.Options = Muxer.Options(), stream: Int? = nil, threads: Int = 2,
        finishes: Bool = true
    ) throws -> Transcode {
        let demuxer = try Demuxer(MediaInput.resolve(path))
        let video = try demuxer.chooseVideo(stream)
        let decoder = try Decoder(video, of: demuxer, threads: threads)
        let normalizer = FrameNormalizer(video, threads: threads)
        let muxer = try output.map { name in
            try Muxer(path: name, source: demuxer, video: video, options: options)
        }
        var encoder: Encoder?
        var result = Transcode()
        func take(_ frames: [VideoFrame]) throws {
            for frame in frames {
                result.frames.append(frame)
                guard let muxer else { continue }
                if encoder == nil {
                    let made = try Encoder(
                        settings ?? EncoderSettings(preset: "ultrafast"), format: frame.format,
                        timeBase: video.timeBase, frameRate: video.video?.frameRate,
                        sampleAspectRatio: frame.sampleAspectRatio, container: muxer.container)
                    try muxer.start(made)
                    encoder = made
                }
                if let encoder { try muxer.write(encoder.encode(frame)) }
            }
        }
        do {
            while let packet = try demuxer.nextPacket() {
                if packet.streamIndex == video.index {
                    for frame in try decoder.decode(packet) {
                        try take(normalizer.normalize(frame))
                    }
                } else {
                    try muxer?.copy(packet)
                }
            }
            for frame in try decoder.finish() { try take(normalizer.normalize(frame)) }
            try take(normalizer.finish())
            if result.frames.isEmpty { throw decoder.noFramesError() }
            if finishes, let encoder {
                try muxer?.write(encoder.finish())
                try muxer?.finish()
            }
        } catch {
            muxer?.abandon()
            throw error
        }
        result.notes = normalizer.notes + (encoder?.notes ?? [])
        result.warnings = decoder.warnings + normalizer.warnings + (muxer?.warnings ?? [])
        result.damagedFrames = decoder.damagedFrames
        result.decodingErrors = decoder.errors
        return result
    }

    /// Times of all frames.
    var times: [Timestamp] { frames.map(\.timestamp) }
}

extension VideoFrame {
    /// Sample of a plane.
    func sample(_ plane: Int, _ x: Int, _ y: Int) -> Int {
        withPicture { view in
            let base = [view.planes.0, view.planes.1, view.planes.2][plane]
            let stride = [view.strides.0, view.strides.1, view.strides.2][plane]
            return format.bytesPerSample == 1
                ? Int(base.load(fromByteOffset: y * stride + x, as: UInt8.self))
                : Int(base.load(fromByteOffset: y * stride + 2 * x, as: UInt16.self))
        }
    }
}

/// Whether two lists of times agree up to one shift, each within `tolerance` seconds.
func agree(_ left: [Timestamp], _ right: [Timestamp], within tolerance: Double) -> Bool {
    guard left.count == right.count, let first = left.first, let other = right.first else {
        return false
    }
    let shift = other.seconds - first.seconds
    return zip(left, right).allSatisfy { abs($1.seconds - $0.seconds - shift) <= tolerance }
}
