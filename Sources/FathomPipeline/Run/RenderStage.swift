import FathomCore
import FathomMedia
import FathomPicture

/// From frames with depth to the pictures that a person sees.
enum RenderStage {
    static func run(
        _ frames: BoundedQueue<DepthFrame>, into pictures: BoundedQueue<VideoFrame>,
        recording: Recording, configuration: RunConfiguration, meter: StageMeter
    ) throws(FathomError) {
        let options = RenderOptions(
            layout: configuration.layout, opacity: configuration.opacity ?? 0.6,
            colorMap: configuration.colormap, isInverted: configuration.invert,
            upsampling: configuration.upsampling, legend: configuration.legend,
            hud: configuration.hud)
        let rate = configuration.fps?.value ?? recording.stream.video?.frameRate?.value
        let beginning = recording.beginning.seconds
        var drawing: (renderer: FrameRenderer, pool: FramePool)?
        while let frame = frames.receive() {
            let picture = try meter.measure { () throws(FathomError) -> VideoFrame in
                let current: (renderer: FrameRenderer, pool: FramePool)
                if let drawing {
                    current = drawing
                } else {
                    let renderer = FrameRenderer(source: frame.source.format, options: options)
                    current = (renderer, try FramePool(format: renderer.outputFormat))
                    drawing = current
                }
                let result = try current.pool.makeFrame(like: frame.source)
                let text = HUDText(
                    seconds: frame.source.timestamp.seconds - beginning, frame: frame.index,
                    framesPerSecond: rate)
                frame.source.withPicture { source in
                    result.withMutablePicture { target in
                        current.renderer.render(
                            source: source, depth: frame.depth.map, range: frame.depth.range,
                            text: text, into: target)
                    }
                }
                return result
            }
            guard pictures.send(picture) else { return }
        }
    }
}
