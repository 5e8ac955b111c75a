import FathomCore
import FathomDepth
import FathomMedia

/// Everything that a run writes: video, depth files, dump.
final class Outputs: Sendable {
    let video: VideoOutput?
    /// The queues that feed the outputs: picture, files, dump, those of them that are wanted.
    let branches: [BoundedQueue<DepthFrame>]
    private let still: StillOutput?
    private let files: DepthFolderWriterOwner?
    private let target: RunTarget
    private let recording: Recording
    private let configuration: RunConfiguration
    private let tally: RunTally

    /// Only the stage named "files" uses the writer.
    private final class DepthFolderWriterOwner: @unchecked Sendable {
        // Sendable: made before the threads start, then used by the stage's thread alone.
        let writer: DepthFolderWriter
        let folder: String
        init(_ writer: DepthFolderWriter, folder: String) {
            self.writer = writer
            self.folder = folder
        }
    }

    /// Checks every place before anything slow is done.
    init(
        _ target: RunTarget, recording: Recording, configuration: RunConfiguration,
        network: Network, card: ModelCard, threads: Int, tally: RunTally
    ) throws(FathomError) {
        self.target = target
        self.recording = recording
        self.configuration = configuration
        self.tally = tally
        if let path = target.dump, path != "-" {
            try OutputNames(path: path).check(
                overwrites: configuration.overwrite, input: recording.demuxer.input)
        }
        let isStill = target.video.map(PictureFile.isPicture) ?? false
        still =
            isStill
            ? try StillOutput(
                path: target.video ?? "", recording: recording, configuration: configuration)
            : nil
        if let path = target.video, !isStill {
            video = try VideoOutput(
                path: path, recording: recording, configuration: configuration, threads: threads)
        } else {
            video = nil
        }
        if let folder = target.framesFolder, let format = configuration.frames {
            let conversion = try DepthConversion(
                from: card.outputKind, to: configuration.framesAs)
            let options = DepthFolderWriter.Options(
                folder: folder, format: format, conversion: conversion,
                pngScale: configuration.framesScale, overwrite: configuration.overwrite)
            let header = ManifestHeader(
                modelName: network.name, modelHash: try network.sha256(),
                camera: configuration.camera)
            files = DepthFolderWriterOwner(
                try DepthFolderWriter(options, header: header), folder: folder)
        } else {
            files = nil
        }
        let wanted = [target.video != nil, files != nil, target.dump != nil]
        branches = wanted.filter { $0 }.map { _ in BoundedQueue(capacity: 2) }
    }

    /// Adds the stages of every output, each fed by its branch.
    func addStages(to pipeline: Pipeline, note: @escaping @Sendable (String) -> Void) {
        var queues = branches.makeIterator()
        if let video, let frames = queues.next() {
            video.addStages(to: pipeline, from: frames, tally: tally, note: note)
        }
        if let still, let frames = queues.next() {
            still.addStages(to: pipeline, from: frames, tally: tally)
        }
        if let files, let frames = queues.next() {
            let counts = target.video == nil
            pipeline.addStage("files", from: frames) { [self] (meter) throws(FathomError) in
                try FilesStage.run(
                    frames, writer: files.writer, recording: recording,
                    configuration: configuration,
                    folder: files.folder, isOnlyOutput: counts, meter: meter, tally: tally)
            }
        }
        if let path = target.dump, let frames = queues.next() {
            let counts = target.video == nil && files == nil
            pipeline.addStage("dump", from: frames) { [self] (meter) throws(FathomError) in
                try DumpStage.run(
                    frames, path: path, recording: recording, configuration: configuration,
                    isOnlyOutput: counts, meter: meter, tally: tally)
            }
        }
    }

    /// Gives the video its name.
    func finish() throws(FathomError) {
        guard let video else { return }
        let output = try video.finish()
        tally.update { $0.outputs.insert(output, at: 0) }
    }

    /// Leaves what was written under passing names, and adds to the error where it is.
    func abandon(after error: FathomError) -> FathomError {
        guard let rest = video?.abandon() else { return error }
        var error = error
        let place = "What was written until then is in \(rest)"
        error.remedy = error.remedy.isEmpty ? place : "\(error.remedy). \(place)"
        return error
    }
}
