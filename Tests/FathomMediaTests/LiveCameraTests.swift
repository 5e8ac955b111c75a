import CVideo4Linux
import FathomCore
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite("Cameras")
struct LiveCameraTests {
    private func open(
        _ camera: FakeCamera, timeline: LiveTimeline = LiveTimeline(),
        _ change: (inout LiveInput.Options) -> Void = { _ in }
    ) throws -> LiveInput {
        var options = LiveInput.Options()
        options.readSeconds = 0.4
        change(&options)
        return try LiveInput(
            LiveAddress.parse("v4l2:/dev/video0", isRealtime: false), options: options,
            connection: 0, timeline: timeline, cameraOpener: { _ in .success(camera) })
    }

    private func failure(
        _ camera: FakeCamera, _ change: (inout LiveInput.Options) -> Void = { _ in }
    ) -> LiveFailure? {
        do {
            let input = try open(camera, change)
            return readToFailure(input).failure
        } catch { return error as? LiveFailure }
    }

    private func decode(_ input: LiveInput, frames: Int = 1) throws -> DecodedFrame {
        let decoder = try input.makeDecoder(threads: 1)
        for _ in 1..<frames { _ = try decoder.decode(try input.next().packet) }
        return try #require(try decoder.decode(try input.next().packet).first)
    }

    @Test(
        "pictures come whole, without what is between their lines", arguments: [0, 32] as [UInt32])
    func strides(padding: UInt32) throws {
        for code in [fathom_v4l2_format_yuyv, fathom_v4l2_format_nv12] {
            let camera = FakeCamera()
            camera.modes = [FakeCamera.Mode(code: code)]
            camera.padding = padding
            let input = try open(camera)
            let line = code == fathom_v4l2_format_yuyv ? 128 : 64
            let bytes = try input.next().packet.bytes
            #expect(bytes.count == 64 * 48 * (code == fathom_v4l2_format_yuyv ? 4 : 3) / 2)
            #expect(bytes.enumerated().allSatisfy { Int($1) == $0 / line })
            let frame = try decode(input)
            #expect(frame.width == 64 && frame.height == 48 && !frame.isDamaged)
        }
    }

    @Test("a picture's time is when it was taken")
    func captureTime() throws {
        let camera = FakeCamera()
        camera.changeBuffer = { buffer in
            // A quarter of a second ago.
            var micros = buffer.timestamp.tv_sec * 1_000_000 + buffer.timestamp.tv_usec
            micros -= 250_000
            buffer.timestamp = timeval(tv_sec: micros / 1_000_000, tv_usec: micros % 1_000_000)
            return 0
        }
        let timeline = LiveTimeline(start: SystemClock.monotonicNanoseconds - 5_000_000_000)
        let input = try open(camera, timeline: timeline)
        for _ in 0..<3 {
            let packet = try input.next()
            let age = SystemClock.monotonicNanoseconds - packet.arrival
            #expect(age >= 250_000_000 && age < 2_000_000_000)
            #expect(packet.wallTime.source == .capture)
            #expect(packet.packet.timestamp?.value == timeline.ticks(at: packet.arrival))
        }
    }

    @Test("time stamps that can't be are replaced by the arrival")
    func absurdTimes() throws {
        let times = [
            timeval(tv_sec: .max, tv_usec: 0), timeval(tv_sec: -1, tv_usec: 0),
            timeval(tv_sec: 0, tv_usec: .min), timeval(tv_sec: 1 << 31, tv_usec: 999_999),
            timeval(tv_sec: 0, tv_usec: 0),
        ]
        for time in times {
            let camera = FakeCamera()
            camera.changeBuffer = { buffer in
                buffer.timestamp = time
                return 0
            }
            let packet = try open(camera).next()
            #expect(SystemClock.monotonicNanoseconds - packet.arrival < 2_000_000_000)
        }
    }

    @Test("without wishes: near 1280×720, fast enough, and with the least work")
    func choice() throws {
        typealias Mode = FakeCamera.Mode
        let (yuyv, mjpeg) = (fathom_v4l2_format_yuyv, fathom_v4l2_format_mjpeg)
        let usual = [
            Mode(code: yuyv, width: 640, height: 480, rates: [30, 15]),
            Mode(code: yuyv, width: 1280, height: 720, rates: [10, 5]),
            Mode(code: mjpeg, width: 640, height: 480, rates: [30]),
            Mode(code: mjpeg, width: 1280, height: 720, rates: [60, 30]),
            Mode(code: mjpeg, width: 1920, height: 1080, rates: [30]),
        ]
        func chosen(
            _ modes: [Mode], _ change: (inout LiveInput.Options) -> Void = { _ in }
        ) throws -> String {
            let camera = FakeCamera()
            camera.modes = modes
            camera.picture = nil
            let input = try open(camera, change)
            let video = try #require(input.video.video)
            return "\(input.video.codec) \(video.width)x\(video.height) \(camera.setRate ?? 0)"
        }
        #expect(try chosen(usual) == "mjpeg 1280x720 30.0")
        #expect(try chosen(usual) { $0.rate = Rational(60, 1) } == "mjpeg 1280x720 60.0")
        #expect(try chosen(usual) { $0.format = "yuyv" } == "rawvideo 640x480 30.0")
        #expect(
            try chosen(usual) {
                $0.format = "YUYV422"
                $0.size = PixelSize("1280x720")
            } == "rawvideo 1280x720 10.0")
        #expect(
            try chosen(usual) { $0.size = PixelSize("1920x1080") } == "mjpeg 1920x1080 30.0")
        #expect(try chosen([usual[0], usual[1]]) == "rawvideo 640x480 30.0")
        let gray = Mode(code: fathom_v4l2_format_grey, width: 1280, height: 720)
        #expect(try chosen([gray, usual[0]]) == "rawvideo 640x480 30.0")
    }

    @Test("what took effect is told, and what did not")
    func effective() throws {
        let camera = FakeCamera()
        camera.errors[fathom_v4l2_s_parm] = EINVAL
        let input = try open(camera) {
            $0.size = PixelSize("800x600")
            $0.rate = Rational(30, 1)
        }
        #expect(
            input.effective == [
                "64×48 yuyv422, 10 frames a second", "the camera has no 800×600",
                "the camera does not give 30 frames a second",
            ])
    }

    @Test(
        "errors of opening are told apart",
        arguments: [
            (ENOENT, LiveFailure.Reason.notFound), (EBUSY, .busy), (ENODEV, .unplugged),
            (EACCES, .other),
        ])
    func openingErrors(number: Int32, reason: LiveFailure.Reason) throws {
        let failure = try #require(throws: LiveFailure.self) {
            try LiveInput(
                LiveAddress.parse("v4l2:/dev/video0", isRealtime: false), options: .init(),
                connection: 0, timeline: LiveTimeline(),
                cameraOpener: { _ in .failure(SystemError(number)) })
        }
        #expect(failure.reason == reason && !failure.error.cause.isEmpty)
    }

    @Test("a failing call of the driver is a failure of its kind, and gives all back")
    func callErrors() {
        let cases: [(UInt, Int32, LiveFailure.Reason)] = [
            (fathom_v4l2_querycap, ENOTTY, .notFound), (fathom_v4l2_s_fmt, EBUSY, .busy),
            (fathom_v4l2_s_fmt, EINVAL, .other), (fathom_v4l2_reqbufs, EBUSY, .busy),
            (fathom_v4l2_reqbufs, ENOMEM, .other), (fathom_v4l2_querybuf, EINVAL, .other),
            (fathom_v4l2_qbuf, EIO, .other), (fathom_v4l2_streamon, ENOSPC, .other),
            (fathom_v4l2_streamon, ENODEV, .unplugged), (fathom_v4l2_dqbuf, ENODEV, .unplugged),
            (fathom_v4l2_dqbuf, EIO, .damaged), (fathom_v4l2_dqbuf, EINVAL, .other),
            (fathom_v4l2_dqbuf, EAGAIN, .timedOut), (fathom_v4l2_enum_fmt, EIO, .unsupportedCodec),
        ]
        for (request, number, reason) in cases {
            let camera = FakeCamera()
            camera.errors[request] = number
            #expect(failure(camera)?.reason == reason, "\(request) \(number)")
            #expect(camera.isTidy)
        }
    }

    @Test("calls that a camera may lack are not needed")
    func optionalCalls() throws {
        for request in [
            fathom_v4l2_enum_framesizes, fathom_v4l2_enum_frameintervals, fathom_v4l2_g_parm,
            fathom_v4l2_s_parm,
        ] {
            let camera = FakeCamera()
            camera.errors[request] = ENOTTY
            camera.changeFormat = { _ in }
            #expect(try open(camera).next().packet.size > 0)
        }
    }

    @Test("what a driver says is not believed")
    func lies() throws {
        let changes: [(inout v4l2_pix_format) -> Void] = [
            { $0.width = 0 }, { $0.height = .max }, { $0.bytesperline = 3 },
            { $0.bytesperline = .max }, { $0.pixelformat = 7 }, { $0.sizeimage = 10 },
            {
                $0.width = 32768
                $0.height = 32768
            },
        ]
        for change in changes {
            let camera = FakeCamera()
            camera.changeFormat = change
            #expect(failure(camera) != nil)
            #expect(camera.isTidy)
        }
        for count in [0, 1, 33, .max] as [UInt32] {
            let camera = FakeCamera()
            camera.bufferCount = count
            #expect(failure(camera)?.reason == .other)
        }
        let endless = FakeCamera()
        endless.endlessLists = true
        #expect(try open(endless).next().packet.size > 0)
        let unknownBuffer = FakeCamera()
        unknownBuffer.changeBuffer = { buffer in
            buffer.index = 99
            return 0
        }
        #expect(failure(unknownBuffer)?.reason != nil)
    }

    @Test("short and faulty pictures are marked, more bytes than there are never read")
    func damage() throws {
        let short = FakeCamera()
        short.picture = [UInt8](repeating: 9, count: 64 * 20)
        #expect(try open(short).next().packet.isDamaged)
        #expect(try decode(try open(short)).width == 64)

        let faulty = FakeCamera()
        faulty.changeBuffer = { buffer in
            buffer.flags |= UInt32(V4L2_BUF_FLAG_ERROR)
            return 0
        }
        #expect(try open(faulty).next().packet.isDamaged)

        let boasting = FakeCamera()
        boasting.changeBuffer = { buffer in
            buffer.bytesused = .max
            return 0
        }
        #expect(try open(boasting).next().packet.size == 64 * 48 * 2)

        let empty = FakeCamera()
        empty.picture = []
        #expect(failure(empty)?.reason == .timedOut)
    }

    @Test("some errors of the bus are borne; silence and the person end the read")
    func patience() throws {
        let camera = FakeCamera()
        var count = 0
        camera.changeBuffer = { _ in
            count += 1
            return count % 5 == 0 ? 0 : EIO
        }
        let input = try open(camera)
        for _ in 0..<5 { _ = try input.next() }

        let silent = FakeCamera()
        silent.givesPictures = false
        #expect(failure(silent)?.reason == .timedOut)
        #expect(failure(silent) { $0.isCancelled = { true } }?.reason == .interrupted)
    }

    @Test("a camera that went away is let go of at once, whoever still holds the input")
    func letsGo() throws {
        let camera = FakeCamera()
        let input = try open(camera)
        _ = try input.next()
        camera.errors[fathom_v4l2_dqbuf] = ENODEV
        for _ in 0..<2 {
            let failure = try #require(throws: LiveFailure.self) { try input.next() }
            #expect(failure.reason == .unplugged)
        }
        #expect(camera.isTidy)
        _ = try input.makeDecoder(threads: 1)
    }

    @Test("motion JPEG is decoded")
    func motionJPEG() throws {
        let camera = FakeCamera()
        camera.modes = [FakeCamera.Mode(code: fathom_v4l2_format_mjpeg)]
        camera.picture = try jpegs(1, in: TemporaryFolder())[0]
        let input = try open(camera)
        #expect(input.effective.first == "64×48 mjpeg, 30 frames a second")
        let frame = try decode(input)
        #expect(frame.width == 64 && frame.height == 48 && !frame.isDamaged)
    }

    @Test("the list of cameras has formats, sizes and rates, and tells what is wrong")
    func list() throws {
        let camera = FakeCamera()
        camera.modes = [
            FakeCamera.Mode(width: 640, height: 480, rates: [15, 30]),
            FakeCamera.Mode(code: 0x2020_2020),
        ]
        let described = try #require(
            Cameras.describe("/dev/video0", opener: { _ in .success(camera) }))
        #expect(described.name == "Fake" && described.trouble == nil)
        #expect(described.formats.map(\.isUsable) == [true, false])
        let size = try #require(described.formats[0].sizes.first)
        #expect(size.width == 640 && size.height == 480 && size.rates == [30, 15])
        #expect(camera.isClosed)

        let metadata = FakeCamera()
        metadata.capabilities = UInt32(V4L2_CAP_STREAMING)
        #expect(Cameras.describe("/dev/video1", opener: { _ in .success(metadata) }) == nil)
        let forbidden = Cameras.describe(
            "/dev/video2", opener: { _ in .failure(SystemError(EACCES)) })
        #expect(forbidden?.trouble?.contains("video") == true)
    }
}
