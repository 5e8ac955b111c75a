import CVideo4Linux
import FathomMedia
import Foundation

/// A camera that does what a test says: the right things, unless told otherwise.
final class FakeCamera: VideoDevice {
    struct Mode {
        var code: UInt32 = fathom_v4l2_format_yuyv
        var width: UInt32 = 64
        var height: UInt32 = 48
        /// Frames a second.
        var rates: [UInt32] = [30]
    }

    var modes = [Mode()]
    var capabilities = UInt32(V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING)
    /// Error numbers for requests.
    var errors: [UInt: Int32] = [:]
    /// Changes what the driver answers to a format.
    var changeFormat: (inout v4l2_pix_format) -> Void = { _ in }
    /// Changes a full buffer before it is given; returns an error number.
    var changeBuffer: (inout v4l2_buffer) -> Int32 = { _ in 0 }
    /// Bytes of a picture; nil is a picture whose lines are numbered.
    var picture: [UInt8]?
    var bufferCount: UInt32 = 4
    var bufferLength: Int?
    var endlessLists = false
    var givesPictures = true
    /// Bytes between the end of a line and the next one.
    var padding: UInt32 = 0

    private(set) var isStreaming = false
    private(set) var isClosed = false
    private(set) var setRate: Double?
    private(set) var format = v4l2_pix_format()
    private var memory: [UnsafeMutableRawPointer] = []
    private var mappings = 0
    private var queued: [UInt32] = []
    private var sequence: UInt32 = 0

    deinit { memory.forEach { $0.deallocate() } }

    /// Whether everything that was taken has been given back.
    var isTidy: Bool { isClosed && !isStreaming && mappings == 0 }

    func control(_ request: UInt, _ argument: UnsafeMutableRawPointer) -> Int32 {
        if let error = errors[request] { return error }
        func with<T>(_ type: T.Type, _ body: (inout T) -> Int32) -> Int32 {
            body(&argument.assumingMemoryBound(to: type).pointee)
        }
        switch request {
        case fathom_v4l2_querycap:
            return with(v4l2_capability.self) { answer in
                answer.capabilities = capabilities
                withUnsafeMutableBytes(of: &answer.card) { $0.copyBytes(from: Array("Fake".utf8)) }
                return 0
            }
        case fathom_v4l2_enum_fmt: return with(v4l2_fmtdesc.self, nameFormat)
        case fathom_v4l2_enum_framesizes: return with(v4l2_frmsizeenum.self, nameSize)
        case fathom_v4l2_enum_frameintervals: return with(v4l2_frmivalenum.self, nameInterval)
        case fathom_v4l2_s_fmt: return with(v4l2_format.self, setFormat)
        case fathom_v4l2_g_parm:
            return with(v4l2_streamparm.self) { answer in
                answer.parm.capture.capability = UInt32(V4L2_CAP_TIMEPERFRAME)
                answer.parm.capture.timeperframe = v4l2_fract(numerator: 1, denominator: 10)
                return 0
            }
        case fathom_v4l2_s_parm:
            return with(v4l2_streamparm.self) { wish in
                let interval = wish.parm.capture.timeperframe
                setRate = Double(interval.denominator) / Double(interval.numerator)
                return 0
            }
        case fathom_v4l2_reqbufs:
            return with(v4l2_requestbuffers.self) { wish in
                if wish.count > 0 { wish.count = bufferCount }
                return 0
            }
        case fathom_v4l2_querybuf:
            return with(v4l2_buffer.self) { buffer in
                buffer.length = UInt32(bufferLength ?? Int(format.sizeimage))
                buffer.m.offset = buffer.index * 4096
                return 0
            }
        case fathom_v4l2_qbuf:
            return with(v4l2_buffer.self) { buffer in
                queued.append(buffer.index)
                return 0
            }
        case fathom_v4l2_dqbuf: return with(v4l2_buffer.self, fill)
        case fathom_v4l2_streamon:
            isStreaming = true
            return 0
        case fathom_v4l2_streamoff:
            isStreaming = false
            return 0
        default: return ENOTTY
        }
    }

    private func nameFormat(_ answer: inout v4l2_fmtdesc) -> Int32 {
        let codes = modes.map(\.code).reduce(into: [UInt32]()) {
            if !$0.contains($1) { $0.append($1) }
        }
        if endlessLists {
            answer.pixelformat = codes[0] &+ answer.index
            return 0
        }
        guard answer.index < codes.count else { return EINVAL }
        answer.pixelformat = codes[Int(answer.index)]
        return 0
    }

    private func nameSize(_ answer: inout v4l2_frmsizeenum) -> Int32 {
        let code = answer.pixel_format
        let sizes = modes.filter { $0.code == code }
        guard endlessLists || answer.index < sizes.count else { return EINVAL }
        answer.type = V4L2_FRMSIZE_TYPE_DISCRETE.rawValue
        let mode = sizes.isEmpty ? Mode() : sizes[Int(answer.index) % sizes.count]
        answer.discrete = v4l2_frmsize_discrete(width: mode.width, height: mode.height)
        return 0
    }

    private func nameInterval(_ answer: inout v4l2_frmivalenum) -> Int32 {
        let (code, width, height) = (answer.pixel_format, answer.width, answer.height)
        let mode = modes.first { $0.code == code && $0.width == width && $0.height == height }
        guard let rates = mode?.rates, !rates.isEmpty else { return EINVAL }
        guard endlessLists || answer.index < rates.count else { return EINVAL }
        answer.type = V4L2_FRMIVAL_TYPE_DISCRETE.rawValue
        answer.discrete = v4l2_fract(
            numerator: 1, denominator: rates[Int(answer.index) % rates.count])
        return 0
    }

    private func setFormat(_ wish: inout v4l2_format) -> Int32 {
        format = wish.fmt.pix
        let isPacked = format.pixelformat == fathom_v4l2_format_yuyv
        let isCompressed = format.pixelformat == fathom_v4l2_format_mjpeg
        format.bytesperline = isCompressed ? 0 : format.width * (isPacked ? 2 : 1) + padding
        format.sizeimage =
            isCompressed
            ? 65536 : format.bytesperline * format.height * (isPacked ? 2 : 3) / 2
        changeFormat(&format)
        wish.fmt.pix = format
        return 0
    }

    private func fill(_ buffer: inout v4l2_buffer) -> Int32 {
        guard let index = queued.first else { return EAGAIN }
        buffer.index = index
        buffer.flags = UInt32(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        buffer.timestamp = timeval(tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1000)
        buffer.sequence = sequence
        sequence += 1
        let length = bufferLength ?? Int(format.sizeimage)
        if Int(index) < memory.count {
            let bytes = UnsafeMutableRawBufferPointer(start: memory[Int(index)], count: length)
            if let picture {
                bytes.copyBytes(from: picture.prefix(length))
            } else {
                // Each line has its own value; what is between the lines has another.
                let (stride, line) = (
                    Int(format.bytesperline), Int(format.bytesperline - padding)
                )
                for offset in 0..<length {
                    bytes[offset] =
                        offset % stride < line ? UInt8(truncatingIfNeeded: offset / stride) : 255
                }
            }
        }
        buffer.bytesused = UInt32(picture?.count ?? length)
        let error = changeBuffer(&buffer)
        if error == 0 { queued.removeFirst() }
        return error
    }

    func map(length: Int, offset: Int) -> UnsafeMutableRawPointer? {
        let made = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 16)
        memory.append(made)
        mappings += 1
        return made
    }

    func unmap(_ memory: UnsafeMutableRawPointer, length: Int) { mappings -= 1 }

    func wait(milliseconds: Int32) -> Bool {
        usleep(givesPictures ? 1000 : UInt32(milliseconds) * 1000)
        return givesPictures
    }

    func close() { isClosed = true }
}
