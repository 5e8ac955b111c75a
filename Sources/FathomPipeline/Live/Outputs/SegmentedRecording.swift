import FathomCore
import FathomMedia
import Foundation

/// Two recordings that are cut at the same moments: the source's own pictures with its sound, and its depth.
///
/// A segment begins at a key frame of the original; its depth begins with the first depth picture of that moment or
/// later. Both files have the same time zero. Any thread may call; one lock orders them.
final class SegmentedRecording: @unchecked Sendable {
    // Sendable: everything that changes is touched under `lock` only.

    /// A pair of files.
    private final class Segment {
        let name: String
        /// Time zero of both files: when the first original picture is decoded.
        let origin: Int64
        /// When it is shown; the depth begins here.
        let boundary: Int64
        let wallTime: WallTime
        let videoStream: LiveStream
        var original: StreamWriter?
        var depth: StreamWriter?
        /// Pictures and sound that wait until it is known which streams the source has.
        var waiting: [LivePacket]? = []
        var originalFrames = 0
        var depthFrames = 0
        var gaps = 0
        var last: Int64
        var bytes: Int64 = 0
        var files: [RecordingFolder.Part: String] = [:]

        init(name: String, first: LivePacket, origin: Int64, boundary: Int64) {
            self.name = name
            self.origin = origin
            self.boundary = boundary
            wallTime = first.wallTime
            videoStream = first.stream
            last = boundary
        }
    }

    private let folder: RecordingFolder
    private let source: Int
    private let length: Int64
    private let keepBytes: Int64
    private let account: OutputAccount
    /// Asks both encoders for a key frame from a moment on.
    private let requestKeyFrame: @Sendable (Int64) -> Void

    private let lock = Condition()
    private var current: Segment?
    /// The segment before, until the depth has come as far as the original.
    private var closing: Segment?
    private var soundStreams: [LiveStream] = []
    private var isCutWanted = false
    private var retryAt: UInt64 = 0
    private var isDiskFull = false
    private var total: Int64 = 0
    private var segments = 0
    /// How far the original has come; the depth waits for it, so that it knows of every cut.
    private var originalTime = Int64.min

    /// Ticks that the first segment of a connection waits for the source's sound.
    private static let soundWait: Int64 = 45000
    /// Seconds after a failure until the next attempt.
    private static let pause: UInt64 = 5
    /// Seconds that the depth waits for the original at most.
    private static let patience = 0.5
    /// Free bytes below which a disk that was full counts as full.
    private static let room: Int64 = 32 << 20

    init(
        folder: RecordingFolder, source: Int, configuration: LiveConfiguration,
        account: OutputAccount, requestKeyFrame: @escaping @Sendable (Int64) -> Void
    ) {
        self.folder = folder
        self.source = source
        length = LiveTime.ticks(configuration.segmentSeconds)
        keepBytes = configuration.keepBytes
        self.account = account
        self.requestKeyFrame = requestKeyFrame
    }

    /// Bytes and segments so far.
    var sum: (bytes: Int64, segments: Int) { lock.withLock { (total, segments) } }

    // MARK: The original

    /// A packet of the source's pictures or sound; pictures begin with a key frame.
    func takeOriginal(_ packet: LivePacket) {
        lock.withLock {
            do throws(FathomError) {
                if packet.stream.info.kind == .audio {
                    try takeSound(packet)
                } else {
                    try takePicture(packet)
                }
            } catch { fail(error) }
            if packet.stream.info.kind == .video { pass(packet) }
        }
    }

    /// Takes note of a packet of the original that can't be recorded.
    func skipOriginal(_ packet: LivePacket) { lock.withLock { pass(packet) } }

    /// The original has ended, or is silent: the depth need not wait for it.
    func endOriginal() {
        lock.withLock {
            originalTime = .max
            lock.wakeAll()
        }
    }

    private func pass(_ packet: LivePacket) {
        let time = packet.packet.timestamp?.value ?? originalTime
        originalTime = originalTime == .max ? time : max(originalTime, time)
        lock.wakeAll()
    }

    private func takeSound(_ packet: LivePacket) throws(FathomError) {
        if !soundStreams.contains(where: { $0 === packet.stream }) {
            soundStreams.removeAll { $0.connection < packet.stream.connection }
            soundStreams.append(packet.stream)
        }
        guard let current, let time = packet.packet.timestamp?.value, time >= current.boundary
        else { return }
        if current.waiting != nil {
            current.waiting?.append(packet)
        } else {
            try current.original?.write(packet)
        }
    }

    private func takePicture(_ packet: LivePacket) throws(FathomError) {
        guard let time = packet.packet.timestamp?.value else { return }
        let isOther = current.map { $0.videoStream !== packet.stream } ?? true
        if packet.packet.isKey,
            isOther || isCutWanted || time - (current?.boundary ?? time) >= length
        {
            guard try begin(with: packet, at: time) else { return }
        }
        guard let current, current.videoStream === packet.stream else {
            drop()
            return
        }
        current.originalFrames += 1
        current.last = max(current.last, time)
        if packet.followsGap { current.gaps += 1 }
        if current.waiting != nil {
            current.waiting?.append(packet)
            let hasSound = soundStreams.contains { $0.connection == packet.stream.connection }
            if hasSound || time - current.boundary >= Self.soundWait { try openOriginal(current) }
        } else {
            try current.original?.write(packet)
            written()
        }
    }

    /// - Returns: `false` when it is too early after a failure.
    private func begin(with packet: LivePacket, at time: Int64) throws(FathomError) -> Bool {
        let now = SystemClock.monotonicNanoseconds
        guard now >= retryAt else {
            drop()
            return false
        }
        if isDiskFull, folder.freeBytes < Self.room {
            retryAt = now + Self.pause * 1_000_000_000
            drop()
            return false
        }
        isCutWanted = false
        if let closing { finish(closing) }
        closing = nil
        if let current {
            try openOriginal(current)
            try close(current, .original)
            closing = current
        }
        let segment = Segment(
            name: folder.newName(at: packet.wallTime.seconds), first: packet,
            origin: min(packet.decodingTime ?? time, time), boundary: time)
        current = segment
        requestKeyFrame(time)
        requestKeyFrame(time + length)
        return true
    }

    /// Opens the file once it is known what goes into it, and writes what waits.
    private func openOriginal(_ segment: Segment) throws(FathomError) {
        guard let waiting = segment.waiting else { return }
        segment.waiting = nil
        let target = StreamWriter.Target.file(folder.partial(segment.name, .original))
        let sound = soundStreams.filter {
            $0.connection == segment.videoStream.connection && StreamWriter.canHold($0, in: target)
        }
        let writer = try StreamWriter(
            target, streams: [segment.videoStream] + sound, origin: segment.origin)
        segment.original = writer
        for packet in waiting {
            try writer.write(packet)
            if packet.stream === segment.videoStream { written() }
        }
    }

    // MARK: The depth

    /// A packet of the depth picture; pictures come in whole groups.
    func takeDepth(_ picture: LiveVideoPacket) {
        lock.withLock {
            waitForOriginal(until: picture.time)
            do throws(FathomError) { try place(picture) } catch { fail(error) }
        }
    }

    /// A picture's packet is always published before its depth, but other threads bring the two.
    private func waitForOriginal(until time: Int64) {
        let end = SystemClock.monotonicNanoseconds + UInt64(Self.patience * 1e9)
        while originalTime < time, SystemClock.monotonicNanoseconds < end {
            lock.wait(seconds: 0.05)
        }
    }

    private func place(_ picture: LiveVideoPacket) throws(FathomError) {
        guard let current else { return drop() }
        let isKey = picture.packet.packet.isKey
        if picture.time < current.boundary || (current.depth == nil && !isKey) {
            // Before the cut, or after it when the key frame that was asked for came too late.
            if let closing { return try write(picture, to: closing) }
            return drop()
        }
        if let closing {
            finish(closing)
            self.closing = nil
        }
        if current.depth == nil {
            current.depth = try StreamWriter(
                .file(folder.partial(current.name, .depth)), streams: [picture.packet.stream],
                origin: current.origin)
        }
        try write(picture, to: current)
    }

    private func write(_ picture: LiveVideoPacket, to segment: Segment) throws(FathomError) {
        guard let writer = segment.depth, writer.holds(picture.packet.stream) else {
            // The picture's size changed: both go on in new files, at the original's next key frame.
            if segment === current { isCutWanted = true }
            return drop()
        }
        try writer.write(picture.packet)
        segment.depthFrames += 1
        segment.last = max(segment.last, picture.time)
        written()
    }

    // MARK: The end

    /// The source is silent: what was recorded gets its name; what comes next begins a new segment.
    func closeSegment() {
        lock.withLock {
            for segment in [closing, current].compactMap({ $0 }) { finish(segment) }
            (closing, current) = (nil, nil)
        }
    }

    private func finish(_ segment: Segment) {
        do throws(FathomError) {
            try openOriginal(segment)
            try close(segment, .original)
            try close(segment, .depth)
        } catch { tell(error) }
        publish(segment)
    }

    private func close(_ segment: Segment, _ part: RecordingFolder.Part) throws(FathomError) {
        let writer = part == .original ? segment.original : segment.depth
        guard let writer else { return }
        if part == .original { segment.original = nil } else { segment.depth = nil }
        defer {
            segment.bytes += writer.bytesWritten
            segment.files[part] = folder.publish(segment.name, part)
        }
        try writer.finish()
    }

    /// Gives what is left of it its name, and writes its line.
    private func publish(_ segment: Segment) {
        for part in RecordingFolder.Part.allCases where segment.files[part] == nil {
            let writer = part == .original ? segment.original : segment.depth
            guard let writer else { continue }
            writer.abandon()
            segment.bytes += writer.bytesWritten
            segment.files[part] = folder.publish(segment.name, part)
        }
        (segment.original, segment.depth, segment.waiting) = (nil, nil, nil)
        guard !segment.files.isEmpty else { return }
        total += segment.bytes
        segments += 1
        folder.note(Self.line(segment, source: source))
        folder.keep(within: keepBytes)
    }

    private static func line(_ segment: Segment, source: Int) -> String {
        func file(_ part: RecordingFolder.Part) -> String {
            segment.files[part].map { "\"\($0)\"" } ?? "null"
        }
        let seconds = { (ticks: Int64) in String(Double(ticks) / 90000) }
        let wall = Date(timeIntervalSince1970: segment.wallTime.seconds).formatted(
            Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        return "{\"segment\":\"\(segment.name)\",\"source\":\(source)"
            + ",\"original\":\(file(.original)),\"depth\":\(file(.depth))"
            + ",\"wallTime\":\"\(wall)\",\"wallTimeSource\":\"\(segment.wallTime.source.rawValue)\""
            + ",\"firstTime\":\(seconds(segment.boundary)),\"lastTime\":\(seconds(segment.last))"
            + ",\"originalFrames\":\(segment.originalFrames),\"depthFrames\":\(segment.depthFrames)"
            + ",\"gaps\":\(segment.gaps),\"bytes\":\(segment.bytes)}"
    }

    // MARK: The account

    private func fail(_ error: FathomError) {
        tell(error)
        for segment in [closing, current].compactMap({ $0 }) { publish(segment) }
        (closing, current) = (nil, nil)
        isDiskFull = folder.freeBytes < Self.room
        retryAt = SystemClock.monotonicNanoseconds + Self.pause * 1_000_000_000
    }

    private func tell(_ error: FathomError) {
        var error = error
        error.remedy = "Recording goes on as soon as it can; the other outputs are not affected"
        account.failed(error)
    }

    private func written() {
        isDiskFull = false
        account.works()
        account.update { $0.written += 1 }
        let bytes =
            total
            + [closing, current].reduce(Int64(0)) {
                $0 + ($1?.original?.bytesWritten ?? 0) + ($1?.depth?.bytesWritten ?? 0)
            }
        account.update { $0.bytes = bytes }
    }

    private func drop() { account.update { $0.dropped += 1 } }
}
