import CFFmpeg
import CVideo4Linux
import FathomCore
import Glibc

/// Reads a camera through the kernel's Video4Linux interface, with its own clock: a picture's time is when it was taken.
///
/// Source: the kernel's "Video for Linux API", streaming I/O with memory mapping.
final class CameraReader: LiveReader {
    let info: MediaInfo
    let streams: [(info: StreamInfo, parameters: CodecParameters)]
    let effective: [String]
    /// Pictures that the driver took and could not give: all its buffers were full.
    private(set) var missed = 0

    private let address: LiveAddress
    private let options: LiveInput.Options
    private let device: any VideoDevice
    private let format: CameraFormat
    private let layout: CameraFormat.Layout?
    private let buffers: CameraBuffers
    private var lastSequence: UInt32?

    /// Consecutive errors after which a camera counts as lost.
    private static let mostErrors = 20
    /// Moments between two looks at whether the work was cancelled.
    private static let step: Int32 = 50

    /// Opens the camera, chooses among what it offers, and starts it.
    init(
        _ address: LiveAddress, options: LiveInput.Options,
        opener: VideoDeviceOpener
    ) throws(LiveFailure) {
        self.address = address
        self.options = options
        switch opener(address.location) {
        case .success(let opened): device = opened
        case .failure(let error):
            throw CameraTrouble(openingFailedWith: error).failure("open", address)
        }
        do {
            let setting = try CameraSetting(device, options)
            format = setting.format
            layout = setting.layout
            let parameters = try setting.makeParameters()
            let stream = setting.streamInfo(parameters)
            streams = [(stream, parameters)]
            info = MediaInfo(
                path: address.name, container: "v4l2", duration: nil, startTime: nil,
                streams: [stream], chapters: [], metadata: ["title": setting.name])
            effective = setting.effective
            buffers = try CameraBuffers(
                device, leastBytes: format.isCompressed ? 1 : setting.layout?.bufferBytes ?? 1)
        } catch {
            device.close()
            throw error.failure("open", address)
        }
    }

    deinit {
        buffers.release()
        device.close()
    }

    func next() throws(LiveFailure) -> ArrivedPacket {
        let deadline =
            SystemClock.monotonicNanoseconds
            + UInt64(max(0, min(options.readSeconds, 1e6)) * 1e9)
        var errors = 0
        while true {
            if options.isCancelled() {
                throw LiveFailure(.interrupted, "read", address, cause: "it was interrupted")
            }
            guard SystemClock.monotonicNanoseconds < deadline else {
                throw LiveFailure(
                    .timedOut, "read", address,
                    cause: "the camera gave no picture in the time allowed",
                    remedy: "Plug it in again, or ask for a smaller --input-size")
            }
            guard device.wait(milliseconds: Self.step) else { continue }
            do {
                if let packet = try take() { return packet }
            } catch {
                errors += 1
                // A bad moment of the bus passes; a device that is gone does not come back by itself.
                guard error.reason == .damaged, errors < Self.mostErrors else {
                    throw error.failure("read", address)
                }
            }
        }
    }

    /// The picture of a buffer that is full; nil when there is none after all, or it is empty.
    private func take() throws(CameraTrouble) -> ArrivedPacket? {
        guard let (buffer, bytes) = try buffers.dequeue() else { return nil }
        defer { buffers.enqueue(buffer.index) }
        if let lastSequence {
            // A driver that restarts its count is no reason to count millions.
            let step = buffer.sequence &- lastSequence
            if step > 1, step < 10_000 { missed += Int(step) - 1 }
        }
        lastSequence = buffer.sequence
        let now = SystemClock.monotonicNanoseconds
        let arrival = Self.captureTime(buffer, now: now)
        let given = min(Int(buffer.bytesused), bytes.count)
        guard given > 0, let packet = makePacket(UnsafeRawBufferPointer(rebasing: bytes[..<given]))
        else { return nil }
        packet.pointer.pointee.flags |= AV_PKT_FLAG_KEY
        let isShort = layout.map { given < $0.bufferBytes } ?? false
        if isShort || buffer.flags & UInt32(V4L2_BUF_FLAG_ERROR) != 0 {
            packet.pointer.pointee.flags |= AV_PKT_FLAG_CORRUPT
        }
        return ArrivedPacket(
            packet: packet, arrival: arrival, wallTime: .of(arrival, source: .capture),
            hasClock: false)
    }

    /// A copy of a picture without what is between its lines; what is missing is left black.
    private func makePacket(_ bytes: UnsafeRawBufferPointer) -> Packet? {
        let size = layout?.packedBytes ?? bytes.count
        guard let packet = try? Packet(timeBase: LiveTimeline.timeBase.ffmpeg),
            av_new_packet(packet.pointer, Int32(size)) >= 0,
            let target = UnsafeMutableRawPointer(packet.pointer.pointee.data),
            let source = bytes.baseAddress
        else { return nil }
        packet.pointer.pointee.stream_index = 0
        guard let layout else {
            target.copyMemory(from: source, byteCount: bytes.count)
            return packet
        }
        if bytes.count < layout.bufferBytes { memset(target, 0, size) }
        var written = 0
        for plane in layout.planes {
            for line in 0..<plane.lines {
                let offset = plane.offset + line * plane.stride
                let count = min(plane.bytes, max(0, bytes.count - offset))
                if count > 0 {
                    (target + written).copyMemory(from: source + offset, byteCount: count)
                }
                written += plane.bytes
            }
        }
        return packet
    }

    /// When a picture was taken, if the driver says so on the monotonic clock and it is credible; else now.
    private static func captureTime(_ buffer: v4l2_buffer, now: UInt64) -> UInt64 {
        let kind = buffer.flags & UInt32(V4L2_BUF_FLAG_TIMESTAMP_MASK)
        let (seconds, micros) = (buffer.timestamp.tv_sec, buffer.timestamp.tv_usec)
        guard kind == UInt32(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC), (0..<(1 << 32)).contains(seconds),
            (0..<1_000_000).contains(micros)
        else { return now }
        let time = UInt64(seconds) * 1_000_000_000 + UInt64(micros) * 1000
        return time <= now && now - time < 10_000_000_000 ? time : now
    }
}

/// The buffers that a camera fills, mapped into this process.
final class CameraBuffers {
    private let device: any VideoDevice
    private var mapped: [UnsafeMutableRawBufferPointer] = []
    private var isStreaming = false

    private static let count: UInt32 = 4
    private static let mostBytes = 1 << 29

    /// Asks for buffers, maps them, and starts the camera.
    init(_ device: any VideoDevice, leastBytes: Int) throws(CameraTrouble) {
        self.device = device
        do {
            try request()
            for index in 0..<UInt32(mapped.capacity) { try map(index, leastBytes) }
            for index in 0..<UInt32(mapped.count) {
                var buffer = Self.buffer(index)
                try check(device.control(fathom_v4l2_qbuf, &buffer), "hand it a buffer")
            }
            var type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
            try check(device.control(fathom_v4l2_streamon, &type), "start it")
            isStreaming = true
        } catch {
            release()
            throw error
        }
    }

    /// Stops the camera and gives the buffers back.
    func release() {
        if isStreaming {
            var type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
            _ = device.control(fathom_v4l2_streamoff, &type)
            isStreaming = false
        }
        for memory in mapped {
            guard let base = memory.baseAddress else { continue }
            device.unmap(base, length: memory.count)
        }
        mapped = []
        var request = v4l2_requestbuffers()
        request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        request.memory = V4L2_MEMORY_MMAP.rawValue
        _ = device.control(fathom_v4l2_reqbufs, &request)
    }

    /// A full buffer; nil when there is none now.
    func dequeue() throws(CameraTrouble) -> (v4l2_buffer, UnsafeRawBufferPointer)? {
        var buffer = Self.buffer(0)
        let status = device.control(fathom_v4l2_dqbuf, &buffer)
        if status == EAGAIN { return nil }
        if status == EIO {
            throw CameraTrouble(
                .damaged, "it reports errors instead of pictures", "Check the cable and the port")
        }
        try check(status, "take a picture")
        guard buffer.index < mapped.count else {
            throw CameraTrouble(.damaged, "its driver names a buffer that does not exist")
        }
        return (buffer, UnsafeRawBufferPointer(mapped[Int(buffer.index)]))
    }

    /// Lets the camera fill a buffer again.
    func enqueue(_ index: UInt32) {
        var buffer = Self.buffer(index)
        // A device that is gone says so at the next picture.
        _ = device.control(fathom_v4l2_qbuf, &buffer)
    }

    private func request() throws(CameraTrouble) {
        var request = v4l2_requestbuffers()
        request.count = Self.count
        request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        request.memory = V4L2_MEMORY_MMAP.rawValue
        try check(device.control(fathom_v4l2_reqbufs, &request), "get its buffers")
        guard (2...32).contains(request.count) else {
            throw CameraTrouble(.other, "it offers \(request.count) buffers: 2 are needed")
        }
        mapped.reserveCapacity(Int(request.count))
    }

    private func map(_ index: UInt32, _ leastBytes: Int) throws(CameraTrouble) {
        var buffer = Self.buffer(index)
        try check(device.control(fathom_v4l2_querybuf, &buffer), "look at its buffers")
        let length = Int(buffer.length)
        guard length >= leastBytes, length <= Self.mostBytes else {
            throw CameraTrouble(.other, "its buffers of \(length) bytes don't fit its pictures")
        }
        guard let memory = device.map(length: length, offset: Int(buffer.m.offset)) else {
            throw CameraTrouble(.other, "its buffers can't be mapped")
        }
        mapped.append(UnsafeMutableRawBufferPointer(start: memory, count: length))
    }

    private func check(_ status: Int32, _ what: String) throws(CameraTrouble) {
        guard status == 0 else {
            throw CameraTrouble("it could not \(what)", failedWith: SystemError(status))
        }
    }

    private static func buffer(_ index: UInt32) -> v4l2_buffer {
        var buffer = v4l2_buffer()
        buffer.index = index
        buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        buffer.memory = V4L2_MEMORY_MMAP.rawValue
        return buffer
    }
}
