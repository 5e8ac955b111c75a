import FathomCore
import FathomMedia
import Foundation

/// An input that is open: its demuxer, the video stream that is used, and where its time begins.
final class Recording: Sendable {
    let demuxer: Demuxer
    let stream: StreamInfo
    /// The moment on the source's clock that is time zero for a person.
    let beginning: Timestamp
    /// What output times are relative to; `nil` keeps the source's own.
    let origin: Timestamp?
    let selector: FrameSelector

    init(
        _ input: MediaInput, configuration: RunConfiguration, cancellation: Cancellation,
        format: String? = nil
    ) throws(FathomError) {
        var options = Demuxer.Options()
        options.isCancelled = { cancellation.isCancelled }
        options.format = format
        if let rate = configuration.fps { options.pictureRate = rate }
        demuxer = try Demuxer(input, options: options)
        stream = try demuxer.chooseVideo(configuration.stream)
        let micro = MediaTime.timeBase
        let start = (demuxer.info.startTime ?? 0) * Double(micro.denominator)
        let containerStart = Timestamp(Int64(exactly: start.rounded()) ?? 0, micro)
        // A transport stream's clock begins anywhere: only differences mean something.
        let isArbitrary = ["mpegts", "mpeg"].contains(demuxer.info.container)
        beginning = isArbitrary ? containerStart : Timestamp(0, micro)
        selector = FrameSelector(
            start: configuration.start, duration: configuration.duration,
            every: configuration.every, origin: beginning)
        origin = selector.first ?? (isArbitrary ? containerStart : nil)
        if let first = selector.first { demuxer.seek(to: first, stream: stream) }
    }

    /// Seconds since 1970 at which the recording began, when the container says.
    var creationTime: Double? {
        guard let text = demuxer.info.metadata["creation_time"] else { return nil }
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let date = (try? format.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
        return date?.timeIntervalSince1970
    }

    /// Seconds of video that will be used, when the container says.
    var expectedSeconds: Double? {
        let whole = stream.duration ?? demuxer.info.duration
        let asked = selector.end.map { $0.seconds - (selector.first ?? beginning).seconds }
        guard var seconds = whole else { return asked }
        if let first = selector.first { seconds -= first.seconds - beginning.seconds }
        return max(0, min(seconds, asked ?? seconds))
    }

    /// How the recording stands in the report.
    func reportInput(width: Int?, height: Int?) -> RunReport.Input {
        let video = stream.video
        let turned = video?.orientation.isTransposed ?? false
        return RunReport.Input(
            path: demuxer.info.path, container: demuxer.info.container, codec: stream.codec,
            width: width ?? (turned ? video?.height : video?.width) ?? 0,
            height: height ?? (turned ? video?.width : video?.height) ?? 0,
            frameRate: video?.frameRate?.value, duration: demuxer.info.duration)
    }
}
