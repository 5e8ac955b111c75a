import Foundation
import TestSupport
import Testing

extension Live {
    @Suite("Latency") struct Latency {
        @Test("when the network is too slow frames are dropped, counted, and the age does not grow")
        func bounded() throws {
            let camera = try LivePart("rtsp_camera.py", ["--fps", "30"])
            let program = try LiveProgram(camera.url, ["--size", "1024"])
            try program.wait(for: "age", count: 3, within: 60) { (Int($0["frames"]) ?? 0) > 0 }
            let end = try program.interrupt()
            let source = end.report.source
            #expect(source.framesDropped > 30)
            #expect(source.framesIn == source.framesOut + source.framesDropped)
            let ages = program.events.filter { $0.name == "age" }.compactMap { Double($0["p50"]) }
            let first = try #require(ages.first)
            let last = try #require(ages.last)
            // Fifteen seconds of a queue would be ten and more seconds of age.
            #expect(last < 3 * first + 500, "\(ages)")
            #expect(
                !program.events.filter { $0.name == "dropped" && $0["reason"] == "slow" }.isEmpty)
        }

        @Test("no frame is published that is older than --max-age")
        func maxAge() throws {
            let camera = try LivePart("rtsp_camera.py", ["--fps", "30"])
            let slow = try LiveProgram(camera.url, ["--size", "1024", "--max-age", "40"])
            let quick = try LiveProgram(camera.url, ["--max-age", "1000"])
            try slow.wait(for: "dropped") { $0["reason"] == "age" }
            try quick.wait(for: "age", count: 2) { (Int($0["frames"]) ?? 0) > 0 }
            for (program, limit) in [(slow, 40.0), (quick, 1000)] {
                let source = try program.interrupt().report.source
                #expect(source.ageMs.max <= limit)
                #expect(source.framesIn == source.framesOut + source.framesDropped)
            }
        }

        @Test("--target-fps makes the network's input smaller before frames are dropped")
        func targetRate() throws {
            let camera = try LivePart("rtsp_camera.py", ["--fps", "15"])
            let program = try LiveProgram(
                camera.url, ["--size", "1024", "--target-fps", "60"])
            #expect(
                Deadline(60).wait {
                    program.saidErrors.contains("the network's input goes from 1024")
                })
            let end = try program.interrupt()
            #expect(end.status == 130)
        }

        @Test("sources share the machine fairly: one that floods does not starve the other")
        func fair() throws {
            let flood = try LivePart("rtsp_camera.py", ["--fps", "120", "--size", "640x480"])
            let calm = try LivePart("rtsp_camera.py", ["--fps", "5"])
            let program = try LiveProgram([flood.url, calm.url], ["--size", "256"])
            try program.wait(for: "age", count: 3, within: 60) {
                $0["source"] == calm.url && (Int($0["frames"]) ?? 0) > 0
            }
            let end = try program.interrupt()
            let sources = try #require(end.report.sources)
            #expect(sources[1].framesOut * 2 > sources[1].framesIn)
            #expect(sources.allSatisfy { $0.framesIn == $0.framesOut + $0.framesDropped })
        }
    }

    @Suite("Streams that misbehave") struct Streams {
        @Test(
            "a stream that changes its size and whose clock jumps by half an hour plays on, in one unbroken recording"
        )
        func changes() throws {
            let udp = freePort(SOCK_DGRAM)
            let program = try LiveProgram(
                "udp://127.0.0.1:\(udp)",
                ["--record", "recorded", "--read-timeout", "5"] + readable)
            let sender = try LivePart(
                "sender.py",
                [
                    "udp://127.0.0.1:\(udp)", "--stay", "--pieces",
                    "50:320x240,50:640x480,50:320x240:-1800,50:320x240:7200",
                ])
            try sender.wait(for: "SENT", within: 40)
            let end = try program.interrupt()
            #expect(end.status == 130)
            let source = end.report.source
            #expect(source.framesIn == source.framesOut + source.framesDropped)
            let recorded = try RecordedSegments(program.path("recorded")).originalPictures()
            let numbers = FrameNumbers(recorded.flatMap(\.numbers.all))
            #expect(numbers.isWhole, "\(numbers)")
            // Nothing is decoded before the first key frame that is heard; the end of the last is never seen.
            #expect((numbers.first ?? 100) <= 50 && (numbers.last ?? 0) >= 197, "\(numbers)")
            let sizes = Set(recorded.flatMap(\.pictures).map(\.width))
            #expect(sizes == [320, 640])
            for file in recorded {
                #expect(file.isInOrder)
                let length = (file.times.last ?? 0) - (file.times.first ?? 0)
                // Eight seconds of pictures, whatever the stream's clock says.
                #expect(length < 60, "\(length)")
            }
        }

        @Test("a listener that gets nothing but random bytes says so and goes on listening")
        func garbage() throws {
            let mute = try LivePart("mute_server.py", ["garbage"])
            let udp = freePort(SOCK_DGRAM)
            let noise = try NoiseSender(port: udp)
            let addresses = [
                "rtsp://\(mute["address"])/one", "http://\(mute["address"])/one",
                "rtmp://\(mute["address"])/live/one", "udp://127.0.0.1:\(udp)",
            ]
            let program = try LiveProgram(
                addresses, ["--open-timeout", "2", "--read-timeout", "2"])
            for address in addresses {
                try program.wait(for: "failed") { $0["source"] == address }
            }
            // The same listener still takes a real stream.
            noise.stop()
            let sender = try LivePart("sender.py", ["udp://127.0.0.1:\(udp)"])
            try program.wait(for: "connected") { $0["source"] == addresses[3] }
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.seconds < 2)
            #expect(sender.stop() == 0)
        }
    }
}

/// Random bytes to a port, by UDP, until it is stopped.
private final class NoiseSender: Sendable {
    private let stopped = Flag()

    init(port: Int) throws {
        let sender = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard sender >= 0 else { throw LivePart.Failure(description: "no socket") }
        let stopped = stopped
        Thread.detachNewThread {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var random = SystemRandomNumberGenerator()
            while !stopped.isSet {
                let bytes = (0..<1316).map { _ in UInt8.random(in: 0...255, using: &random) }
                withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        _ = sendto(
                            sender, bytes, bytes.count, 0, $0,
                            socklen_t(MemoryLayout<sockaddr_in>.size))
                    }
                }
                usleep(5000)
            }
            close(sender)
        }
    }

    func stop() { stopped.set() }

    deinit { stopped.set() }
}
