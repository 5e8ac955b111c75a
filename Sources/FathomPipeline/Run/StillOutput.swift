import FathomCore
import FathomMedia

/// From one frame with depth to a picture file.
final class StillOutput: Sendable {
    private let path: String
    private let recording: Recording
    private let configuration: RunConfiguration

    init(
        path: String, recording: Recording, configuration: RunConfiguration
    ) throws(FathomError) {
        self.path = path
        self.recording = recording
        self.configuration = configuration
        try PictureFile.check(
            path, overwrites: configuration.overwrite, input: recording.demuxer.input)
    }

    /// Adds this output's stages, fed by `frames`.
    func addStages(
        to pipeline: Pipeline, from frames: BoundedQueue<DepthFrame>, tally: RunTally
    ) {
        let pictures = BoundedQueue<VideoFrame>(capacity: 1)
        pipeline.addStage("render", from: frames, finishing: [pictures]) {
            [self] (meter) throws(FathomError) in
            try RenderStage.run(
                frames, into: pictures, recording: recording, configuration: configuration,
                meter: meter)
        }
        pipeline.addStage("encode", from: pictures) { [self] (meter) throws(FathomError) in
            guard let picture = pictures.receive() else { return }
            guard pictures.receive() == nil else {
                throw FathomError(
                    .usage, operation: "write", subject: path,
                    cause: "the input has many frames, and this is one picture",
                    remedy: "Name a video such as depth.mp4, or use --frames png16 for files")
            }
            let bytes = try meter.measure { () throws(FathomError) in
                try PictureFile.write(picture, to: path)
            }
            tally.wrote(at: picture.timestamp.seconds, until: picture.timestamp.seconds)
            tally.update {
                $0.outputs.append(RunReport.Output(path: path, kind: "picture", bytes: bytes))
            }
        }
    }
}
