import FathomCore
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite("Network cameras", .serialized)
struct LiveRTSPTests {
    private func clip(frames: Int, slices: Int = 1) -> Clip {
        var clip = Clip()
        clip.width = 320
        clip.height = 192
        clip.times = (0..<Int64(frames)).map { $0 }
        clip.keyFrameDistance = 10
        clip.encoderOptions = ["x264-params": "slices=\(slices)"]
        // Busy pictures: slices are larger than datagrams.
        clip.paint = { frame, plane, x, y in
            plane == 0 ? (x * 7919 + y * 104_729 + frame * 31) % 199 + 20 : 128
        }
        return clip
    }

    @Test("every picture comes whole, with its time, whatever its slices", arguments: [1, 4])
    func wholePictures(slices: Int) throws {
        let camera = try RTSPCamera(clip(frames: 60, slices: slices))
        let server = camera.serve()
        let input = try openLive("rtsp://127.0.0.1:\(server.port)/cam")
        #expect(input.video.video?.width == 320 && input.video.video?.height == 192)
        #expect(input.effective.contains("rtsp over tcp"))
        let (packets, failure) = readToFailure(input)
        #expect(failure?.reason == .ended)
        // The last one's end was not seen, unless it was known how many slices it has.
        #expect(packets.count >= 59)
        let decoder = try input.makeDecoder(threads: 2)
        var frames = 0
        for (index, packet) in packets.enumerated() {
            #expect(packet.packet.isKey == (index % 10 == 0))
            frames += try decoder.decode(packet.packet).count
            let time = try #require(packet.packet.timestamp)
            let first = try #require(packets[0].packet.timestamp)
            #expect(time.value == first.value + Int64(index) * 3600)
        }
        frames += try decoder.finish().count
        #expect(frames == packets.count)
        #expect(decoder.errors == 0 && decoder.damagedFrames == 0, "\(decoder.warnings)")
    }

    @Test(
        "once it is known how many slices pictures have, none waits for the next",
        arguments: [1, 3])
    func noDelay(slices: Int) throws {
        var camera = try RTSPCamera(clip(frames: 55, slices: slices))
        camera.staysOpen = true
        let server = camera.serve()
        let input = try openLive("rtsp://127.0.0.1:\(server.port)/cam") { $0.readSeconds = 0.7 }
        let (packets, failure) = readToFailure(input)
        #expect(failure?.reason == .timedOut)
        #expect(packets.count == 55)
    }

    @Test("a picture with more slices than ever before is damaged once, and the next one is marked")
    func surprise() throws {
        var camera = try RTSPCamera(clip(frames: 60))
        let sliced = try RTSPCamera(clip(frames: 60, slices: 3))
        camera.pictures.replaceSubrange(40..<60, with: sliced.pictures[40..<60])
        let server = camera.serve()
        let input = try openLive("rtsp://127.0.0.1:\(server.port)/cam")
        let (packets, failure) = readToFailure(input)
        #expect(failure?.reason == .ended)
        #expect(packets.count >= 59)
        #expect(packets.filter(\.packet.isDamaged).count == 1)
        let decoder = try input.makeDecoder(threads: 1)
        let frames = try packets.flatMap { try decoder.decode($0.packet) }
        #expect(frames.count >= 58)
    }

    @Test("after a sender report each picture's time of day is the camera's")
    func wallTimes() throws {
        var camera = try RTSPCamera(clip(frames: 30))
        camera.wallTime = 1_600_000_000
        let server = camera.serve()
        let input = try openLive("rtsp://127.0.0.1:\(server.port)/cam")
        let (packets, _) = readToFailure(input)
        #expect(packets.count >= 28)
        for (index, packet) in packets.enumerated() {
            #expect(packet.wallTime.source == .rtcp)
            #expect(abs(packet.wallTime.seconds - 1_600_000_000 - Double(index) / 25) < 0.001)
        }
    }

    @Test("a camera whose clock jumps by hours goes on without a gap in time")
    func clockJump() throws {
        var camera = try RTSPCamera(clip(frames: 40))
        camera.step = 90_000 * 3600
        let server = camera.serve()
        let timeline = LiveTimeline()
        let input = try openLive("rtsp://127.0.0.1:\(server.port)/cam", timeline: timeline)
        let (packets, _) = readToFailure(input)
        #expect(packets.count >= 38)
        var last = Int64.min
        for packet in packets {
            let time = try #require(packet.packet.timestamp).value
            #expect(time > last)
            #expect(time <= timeline.ticks(at: packet.arrival) + 90_000)
            last = time
        }
        #expect(timeline.clockJumps > 30)
    }
}
