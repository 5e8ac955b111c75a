import FathomCore
import FathomDepth
import FathomPicture

/// Pictures for the tests of this room, and their samples.
enum Pictures {
    /// A picture whose luma rises to the right and whose chroma is not neutral.
    static func source(_ format: PictureFormat) -> PictureBuffer {
        let picture = PictureBuffer(format: format)
        picture.withMutableView { view in
            for plane in 0..<3 {
                for y in 0..<format.planeHeight(plane) {
                    for x in 0..<format.planeWidth(plane) {
                        let code = plane == 0 ? 30 + (x * 3 + y * 5) % 190 : plane == 1 ? 90 : 160
                        set(view, plane, x, y, code << (format.bitDepth - 8))
                    }
                }
            }
        }
        return picture
    }

    private static func set(
        _ view: MutablePictureView, _ plane: Int, _ x: Int, _ y: Int, _ code: Int
    ) {
        let row =
            [view.planes.0, view.planes.1, view.planes.2][plane]
            + y * [view.strides.0, view.strides.1, view.strides.2][plane]
        if view.format.bitDepth == 8 {
            row.storeBytes(of: UInt8(code), toByteOffset: x, as: UInt8.self)
        } else {
            row.storeBytes(of: UInt16(code), toByteOffset: 2 * x, as: UInt16.self)
        }
    }

    /// One sample of a picture.
    static func sample(_ picture: PictureBuffer, _ plane: Int, _ x: Int, _ y: Int) -> Int {
        picture.withView { view in
            let row =
                [view.planes.0, view.planes.1, view.planes.2][plane]
                + y * [view.strides.0, view.strides.1, view.strides.2][plane]
            return picture.format.bitDepth == 8
                ? Int(row.load(fromByteOffset: x, as: UInt8.self))
                : Int(row.load(fromByteOffset: 2 * x, as: UInt16.self))
        }
    }

    /// A map whose values rise from left to right.
    static func ramp(_ kind: DepthKind = .inverseDepth, width: Int = 48, height: Int = 32)
        -> DepthMap
    {
        let values = (0..<(width * height)).map { 1 + 2 * Float($0 % width) / Float(width - 1) }
        return DepthMap(
            width: width, height: height, kind: kind, values: values,
            brightness: [Float](repeating: 0.5, count: width * height))
    }

    static let range = DepthRange(minimum: 1, maximum: 3)

    /// Draws one frame.
    static func render(
        _ format: PictureFormat, _ options: RenderOptions, map: DepthMap = ramp(),
        pool: WorkerPool? = nil
    ) -> (renderer: FrameRenderer, output: PictureBuffer) {
        let renderer = FrameRenderer(source: format, options: options)
        let output = PictureBuffer(format: renderer.outputFormat)
        source(format).withView { view in
            output.withMutableView { target in
                renderer.render(
                    source: view, depth: map, range: range,
                    text: HUDText(seconds: 3723.0405, frame: 7, framesPerSecond: 24000 / 1001.0),
                    into: target, pool: pool)
            }
        }
        return (renderer, output)
    }
}

extension UnsafeMutableBufferPointer {
    /// The first element's address; the buffers of these tests are never empty.
    var start: UnsafeMutablePointer<Element> {
        guard let baseAddress else { preconditionFailure("the buffer is empty") }
        return baseAddress
    }
}
