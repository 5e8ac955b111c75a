import CFFmpeg
import CKernels
import FathomCore

/// The steps from one kind of decoded frame to the canonical picture, each made once and used for every frame.
final class ConversionPlan {
    let traits: FrameTraits
    /// The format of the result.
    let output: PictureFormat
    /// Pixel shape of the result.
    let sampleAspectRatio: Rational
    /// Whether the picture is scaled into a size that an earlier picture set.
    let isFitted: Bool
    /// What it does, one line each.
    private(set) var notes: [String] = []

    private let orientation: Orientation
    /// The picture in canonical samples, before it is turned and fitted.
    private let upstream: PictureFormat
    private let upstreamPool: FramePool
    private let orientedPool: FramePool
    private let toneMapper: FilterChain?
    private let sampler: Scaler?
    private let map: fathom_color_map?
    private let fitter: PictureFitter?

    /// `output` is the format of earlier pictures, which this one has to join.
    init(
        _ traits: FrameTraits, orientation: Orientation, stated: Rational?,
        output: PictureFormat?, threads: Int
    ) throws(FathomError) {
        self.traits = traits
        self.orientation = orientation
        let bitDepth = output?.bitDepth ?? (traits.layout.bitDepth > 8 ? 10 : 8)
        upstream = PictureFormat(width: traits.width, height: traits.height, bitDepth: bitDepth)
        let oriented =
            orientation.isTransposed
            ? upstream.resized(width: traits.height, height: traits.width) : upstream
        self.output = output ?? oriented
        let aspect = Self.aspect(stated: stated, frame: traits.sampleAspectRatio)
        let uprightAspect = orientation.isTransposed ? aspect.inverse : aspect
        sampleAspectRatio = uprightAspect
        isFitted = self.output != oriented
        upstreamPool = try FramePool(format: upstream)
        orientedPool = try FramePool(format: oriented)
        fitter = isFitted ? try PictureFitter(from: oriented, to: self.output) : nil

        let color = traits.color
        let layout = traits.layout
        let usesToneMapper = color.isWideGamut && layout.kind == .luma
        toneMapper =
            usesToneMapper
            ? try ToneMapping.chain(traits, bitDepth: bitDepth, threads: threads) : nil
        let isDirect = layout.isCanonical && (bitDepth == 8) == (layout.bitDepth == 8)
        sampler =
            usesToneMapper || isDirect ? nil : try Self.sampler(traits, bitDepth: bitDepth)
        let isMapped = !usesToneMapper && layout.kind != .rgb && !color.isCanonical
        map = isMapped ? color.map(to: .canonical, bitDepth: bitDepth) : nil
        addNotes(isToneMapped: usesToneMapper, isMapped: isMapped)
    }

    /// Prefers what the container says, as players do.
    private static func aspect(stated: Rational?, frame: Rational) -> Rational {
        if let stated, stated.isPositive { return stated }
        return frame.isPositive ? Rational(frame.ffmpeg) : Rational(1, 1)
    }

    private func addNotes(isToneMapped: Bool, isMapped: Bool) {
        if isToneMapped {
            notes.append(
                traits.color.isHighDynamicRange
                    ? "HDR is tone-mapped to BT.709" : "BT.2020 colours are brought into BT.709")
        }
        if isMapped { notes.append("colours are converted from \(traits.color.name) to BT.709") }
        if sampler != nil {
            notes.append("pixels are converted from \(Scaler.name(traits.format))")
        }
        if orientation != .upright { notes.append("the picture is \(orientation) to be upright") }
    }

    /// Changes sampling, depth and (for RGB) the colour model; the size stays.
    private static func sampler(
        _ traits: FrameTraits, bitDepth: Int
    ) throws(FathomError) -> Scaler {
        let isGray = traits.layout.kind == .gray
        let isFullRange = traits.layout.kind == .luma && traits.color.isFullRange
        let planar = bitDepth == 8 ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_YUV420P10LE
        let gray = bitDepth == 8 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_GRAY10LE
        return try Scaler(
            from: Scaler.Side(
                width: traits.width, height: traits.height, format: traits.format,
                isFullRange: isFullRange || traits.layout.kind == .rgb),
            to: Scaler.Side(
                width: traits.width, height: traits.height, format: isGray ? gray : planar,
                isFullRange: isFullRange))
    }

    /// The canonical picture of a frame; the frame itself where nothing has to be done.
    func convert(_ frame: FrameHandle) throws(FathomError) -> FrameHandle {
        var current = frame
        if let toneMapper {
            guard let mapped = try toneMapper.push(ToneMapping.tagged(frame, traits)).first else {
                throw FathomError(
                    operation: "tone-map", subject: "the video", cause: "the filter gave no frame")
            }
            current = mapped
        } else if let sampler {
            let sampled = try upstreamPool.makeHandle()
            let target = sampled.pointer.pointee
            try sampler.scale(
                frame.pointer, into: (target.data.0, target.data.1, target.data.2),
                strides: (target.linesize.0, target.linesize.1, target.linesize.2))
            if traits.layout.kind == .gray { fillChroma(sampled) }
            current = sampled
        }
        if var map {
            let mapped = sampler == nil ? try upstreamPool.makeHandle() : current
            var from = picturePlanes(current)
            var to = picturePlanes(mapped)
            let width = Int32(upstream.width)
            let height = Int32(upstream.height)
            if upstream.bitDepth == 8 {
                fathom_color_map_8(&map, &from, &to, width, height)
            } else {
                fathom_color_map_10(&map, &from, &to, width, height)
            }
            current = mapped
        }
        if orientation != .upright { current = try orient(current) }
        return try fitter?.fit(current) ?? current
    }

    private func fillChroma(_ handle: FrameHandle) {
        let picture = picturePlanes(handle)
        for (plane, stride) in [
            (picture.planes.1, picture.strides.1), (picture.planes.2, picture.strides.2),
        ] {
            guard let plane else { continue }
            let bytes = stride * upstream.planeHeight(1)
            let raw = UnsafeMutableRawPointer(plane)
            if upstream.bytesPerSample == 1 {
                raw.initializeMemory(as: UInt8.self, repeating: 128, count: bytes)
            } else {
                raw.initializeMemory(as: UInt16.self, repeating: 512, count: bytes / 2)
            }
        }
    }

    private func orient(_ handle: FrameHandle) throws(FathomError) -> FrameHandle {
        let turned = try orientedPool.makeHandle()
        let from = picturePlanes(handle)
        let to = picturePlanes(turned)
        let pairs = [
            (from.planes.0, from.strides.0, to.planes.0, to.strides.0),
            (from.planes.1, from.strides.1, to.planes.1, to.strides.1),
            (from.planes.2, from.strides.2, to.planes.2, to.strides.2),
        ]
        for (plane, pair) in pairs.enumerated() {
            fathom_color_orient(
                pair.0, pair.1, pair.2, pair.3, Int32(upstream.planeWidth(plane)),
                Int32(upstream.planeHeight(plane)), Int32(upstream.bytesPerSample),
                orientation.isTransposed ? 1 : 0, orientation.mirrorsHorizontally ? 1 : 0,
                orientation.mirrorsVertically ? 1 : 0)
        }
        return turned
    }
}
