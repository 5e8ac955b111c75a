import CFFmpeg
import CKernels
import FathomCore

/// Turns decoded frames into canonical pictures: upright, progressive, planar 4:2:0, BT.709 limited range,
/// 8 bit for sources of 8 bit and 10 bit for deeper ones. One picture for each frame.
///
/// One thread at a time may use it.
public final class FrameNormalizer: @unchecked Sendable {
    // Sendable: made by one thread and then handed to the thread that decodes.

    /// One line for each thing it does to the picture, for the log.
    public private(set) var notes: [String] = []
    /// What a person should know about the material.
    public private(set) var warnings: [String] = []
    /// The format of all pictures; nil before the first one.
    public private(set) var outputFormat: PictureFormat?

    private let stream: StreamInfo
    private let threads: Int
    private var orientation: Orientation?
    private var plan: ConversionPlan?
    private var deinterlacer: FilterChain?
    /// What belongs to the frames that are inside the deinterlacer, in order.
    private var inFlight: [DecodedFrame] = []

    /// For the frames of a stream; `threads` for the filters that can use them.
    ///
    /// With `format`, pictures of another one are fitted into it from the first on: what follows goes on unchanged.
    public init(_ stream: StreamInfo, threads: Int, fitting format: PictureFormat? = nil) {
        self.stream = stream
        self.threads = max(1, threads)
        outputFormat = format
    }

    /// The pictures that are ready once `frame` is in: as a rule one, with deinterlacing one frame later.
    public func normalize(_ frame: DecodedFrame) throws(FathomError) -> [VideoFrame] {
        var pictures: [VideoFrame] = []
        let traits = try FrameTraits(frame.handle.pointer)
        if plan?.traits != traits {
            // What the filter holds belongs to the material so far.
            pictures = try drainDeinterlacer()
            plan = try makePlan(traits, frame)
        }
        if frame.handle.pointer.pointee.interlaced_frame != 0, deinterlacer == nil {
            deinterlacer = try FilterChain(
                "bwdif=mode=send_frame:parity=auto:deint=interlaced", for: frame.handle.pointer,
                threads: threads)
            note("frames flagged interlaced are deinterlaced (bwdif), one frame for each frame")
        }
        guard let deinterlacer else {
            pictures.append(try convert(frame.handle, frame))
            return pictures
        }
        inFlight.append(frame)
        for handle in try deinterlacer.push(frame.handle) {
            pictures.append(try convertNext(handle))
        }
        return pictures
    }

    /// The pictures that are still inside; call once, at the end of the stream.
    public func finish() throws(FathomError) -> [VideoFrame] {
        try drainDeinterlacer()
    }

    private func drainDeinterlacer() throws(FathomError) -> [VideoFrame] {
        guard let chain = deinterlacer else { return [] }
        deinterlacer = nil
        var pictures: [VideoFrame] = []
        for handle in try chain.finish() { pictures.append(try convertNext(handle)) }
        // A filter that kept a frame back would lose it: it is shown as it came.
        for frame in inFlight { pictures.append(try convert(frame.handle, frame)) }
        inFlight.removeAll()
        return pictures
    }

    private func convertNext(_ handle: FrameHandle) throws(FathomError) -> VideoFrame {
        guard !inFlight.isEmpty else {
            throw FathomError(
                operation: "deinterlace", subject: "the video",
                cause: "the filter gave more frames than it got")
        }
        return try convert(handle, inFlight.removeFirst())
    }

    private func convert(
        _ handle: FrameHandle, _ frame: DecodedFrame
    ) throws(FathomError) -> VideoFrame {
        guard let plan else { preconditionFailure("the plan is made before the first frame") }
        return VideoFrame(
            handle: try plan.convert(handle), timestamp: frame.timestamp, duration: frame.duration,
            format: plan.output, sampleAspectRatio: plan.sampleAspectRatio,
            isKeyFrame: frame.handle.pointer.pointee.key_frame != 0, isDamaged: frame.isDamaged)
    }

    private func makePlan(
        _ traits: FrameTraits, _ frame: DecodedFrame
    ) throws(FathomError) -> ConversionPlan {
        try Demuxer.checkSize(width: traits.width, height: traits.height, name: "the video")
        let orientation = orientation ?? orientation(of: frame)
        self.orientation = orientation
        let plan = try ConversionPlan(
            traits, orientation: orientation, stated: stream.video?.sampleAspectRatio,
            output: outputFormat, threads: threads)
        if outputFormat != nil {
            let warning = "the picture changes during the video: it is fitted into the first size"
            if plan.isFitted, !warnings.contains(warning) { warnings.append(warning) }
        }
        outputFormat = plan.output
        plan.notes.forEach(note)
        return plan
    }

    /// The container's word first; else what a camera wrote into the picture itself.
    private func orientation(of frame: DecodedFrame) -> Orientation {
        if let stated = stream.video?.orientation, stated != .upright { return stated }
        let pointer = frame.handle.pointer
        if let side = av_frame_get_side_data(pointer, AV_FRAME_DATA_DISPLAYMATRIX)?.pointee,
            side.size >= 9 * MemoryLayout<Int32>.size, let data = side.data
        {
            return data.withMemoryRebound(to: Int32.self, capacity: 9) {
                Orientation(displayMatrix: $0)
            }
        }
        let exif = dictionaryPairs(pointer.pointee.metadata).first { $0.key == "Orientation" }
        let digits = exif?.value.filter { $0.isASCII && $0.isNumber } ?? ""
        return Int(digits).flatMap(Orientation.init(exif:)) ?? .upright
    }

    private func note(_ text: String) {
        if !notes.contains(text) { notes.append(text) }
    }
}

/// What decides how a frame is converted.
struct FrameTraits: Hashable {
    let width: Int
    let height: Int
    let format: AVPixelFormat
    let layout: PixelLayout
    let color: ColorDescription
    let sampleAspectRatio: Rational

    init(_ frame: UnsafePointer<AVFrame>) throws(FathomError) {
        width = Int(frame.pointee.width)
        height = Int(frame.pointee.height)
        format = AVPixelFormat(frame.pointee.format)
        layout = try PixelLayout(format)
        color = ColorDescription(frame, layout: layout)
        sampleAspectRatio = Rational(frame.pointee.sample_aspect_ratio)
    }
}
