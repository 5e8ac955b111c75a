import Foundation
import TestSupport
import Testing

extension Live {
    @Suite("A source that goes away") struct Losses {
        @Test("a camera that dies and comes back is lost and recovered; outputs stay alive")
        func killed() throws {
            let folder = try TemporaryFolder()
            let target = try LivePart("rtsp_camera.py", ["--push-dir", folder.path("pushed")])
            let port = freePort()
            let camera = try LivePart("rtsp_camera.py", ["--port", "\(port)"])
            let program = try LiveProgram(
                camera.url, ["--record", "recorded", "--push", target["push"]] + readable)
            try program.wait(for: "connected")
            try target.wait(for: "PUSHED")
            try #require(
                waitForBytes(30_000) { RecordedSegments(program.path("recorded")).originals.first })
            camera.send(SIGKILL)
            let lost = try program.wait(for: "lost")
            #expect(lost["reason"] == "ended")
            // The push goes on with the last picture, marked, while nothing comes.
            let moment = target.now
            try target.wait(for: "PUSHED", after: moment)
            try target.wait(for: "PUSHED", after: target.now)
            let again = try LivePart("rtsp_camera.py", ["--port", "\(port)"])
            let recovered = try program.wait(for: "recovered")
            #expect((Double(recovered["seconds"]) ?? 0) > 0)
            let later = target.now
            try target.wait(for: "PUSHED", after: later)
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.report.source.reconnects == 1)
            #expect(program.count("lost") == 1 && program.count("recovered") == 1)
            try target.wait(for: "RECORDED")
            #expect(target.lines.count { $0.word == "RECORD" } == 1, "one push, never interrupted")
            let pushed = try CodedPictures(folder.path("pushed/push-1.h264"), panel: (1, 2))
            let numbers = pushed.numbers.all.compactMap { $0 }
            #expect(numbers.count > 5)
            // The second camera counts from 0 again: both are in the one push.
            #expect(zip(numbers, numbers.dropFirst()).contains { $1 < $0 }, "\(pushed.numbers)")
            for pictures in try RecordedSegments(program.path("recorded")).originalPictures() {
                #expect(pictures.isInOrder)
                #expect(pictures.numbers.unreadable == 0)
            }
            #expect(again.stop() == 0)
            #expect(target.stop() == 0)
        }

        @Test("a camera that hangs is lost after --read-timeout, and recovered when it goes on")
        func hangs() throws {
            let camera = try LivePart("rtsp_camera.py")
            let program = try LiveProgram(
                camera.url, ["--read-timeout", "1", "--open-timeout", "2"])
            try program.wait(for: "connected")
            try program.wait(for: "age") { (Int($0["frames"]) ?? 0) > 5 }
            camera.send(SIGSTOP)
            let lost = try program.wait(for: "lost")
            #expect(lost["reason"] == "timed-out")
            camera.send(SIGCONT)
            try program.wait(for: "recovered")
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.report.source.reconnects >= 1)
        }

        @Test(
            "a network that is cut, slow or lossy is lived with, and everything ends at once all the same"
        )
        func network() throws {
            let camera = try LivePart("network_camera.sh", ["--fps", "15", "--gop", "15"])
            let space = camera["run"]
            let program = try LiveProgram(
                camera.url,
                ["--read-timeout", "1.5", "--open-timeout", "2", "--record", "recorded"],
                space: space)
            try program.wait(for: "connected")
            // A short cut is no loss by TCP: everything arrives, late.
            try program.wait(for: "age") { (Int($0["frames"]) ?? 0) > 5 }
            try camera.tell("cut")
            usleep(300_000)
            try camera.tell("heal")
            try program.wait(for: "age", count: 2) { (Int($0["frames"]) ?? 0) > 5 }
            #expect(program.count("lost") == 0)
            let original = try #require(
                try RecordedSegments(program.path("recorded")).originalPictures().first)
            #expect(original.numbers.lost == 0, "\(original.numbers)")
            // A long one is.
            try camera.tell("cut")
            let lost = try program.wait(for: "lost")
            #expect(lost["reason"] == "timed-out")
            try camera.tell("heal")
            try program.wait(for: "recovered")
            // While the link is down, an attempt to connect does not hold up the end.
            try camera.tell("cut")
            try program.wait(for: "lost", count: 2)
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.seconds < 2)
            try camera.tell("heal")

            // By UDP what is lost is lost: the stream goes on.
            try camera.tell("loss 5")
            let lossy = try LiveProgram(
                camera.url, ["--rtsp-transport", "udp", "--read-timeout", "2"], space: space)
            try lossy.wait(for: "age", count: 2) { (Int($0["frames"]) ?? 0) > 20 }
            #expect(lossy.count("lost") == 0)
            let finished = try lossy.interrupt()
            let source = finished.report.source
            #expect(source.framesIn == source.framesOut + source.framesDropped)
            #expect(camera.stop() == 0)
        }

        @Test("late, reordered, cut and garbled: the relay does its worst, the program goes on")
        func relay() throws {
            let camera = try LivePart("rtsp_camera.py")
            let host = String(camera.url.dropFirst(7).prefix { $0 != "/" })
            let relay = try LivePart(
                "relay.py", ["tcp", "--to", host, "--delay", "80", "--jitter", "40"])
            let udp = freePort(SOCK_DGRAM)
            let rain = try LivePart(
                "relay.py",
                [
                    "udp", "--to", "127.0.0.1:\(udp)", "--loss", "2", "--reorder", "2", "--jitter",
                    "4",
                ])
            let sender = try LivePart("sender.py", ["udp://" + rain["address"]])
            let program = try LiveProgram(
                ["rtsp://\(relay["address"])/camera", "udp://127.0.0.1:\(udp)"],
                ["--read-timeout", "1", "--open-timeout", "3"])
            let name = "rtsp://\(relay["address"])/camera"
            try program.wait(for: "connected") { $0["source"] == name }
            try relay.tell("cut")
            try program.wait(for: "recovered") { $0["source"] == name }
            try relay.tell("refuse")
            try relay.tell("cut")
            try program.wait(for: "lost", count: 2) { $0["source"] == name }
            try relay.tell("accept")
            try program.wait(for: "recovered", count: 2) { $0["source"] == name }
            try relay.tell("garble 20000")
            try relay.tell("hang")
            try program.wait(for: "lost", count: 3) { $0["source"] == name }
            try relay.tell("resume")
            try program.wait(for: "recovered", count: 3) { $0["source"] == name }
            try program.wait(for: "age", count: 2) {
                $0["source"] == "udp://127.0.0.1:\(udp)" && (Int($0["frames"]) ?? 0) > 20
            }
            let end = try program.interrupt()
            #expect(end.status == 130)
            for source in try #require(end.report.sources) {
                #expect(source.framesIn == source.framesOut + source.framesDropped)
            }
            rain.stop()
            let counts = try rain.wait(for: "COUNTS")
            #expect(counts["lost"] != "0" && counts["reordered"] != "0")
            #expect(sender.stop() == 0)
        }

        @Test(
            "the end of a stream is a loss: an HTTP camera that ends, cuts, hangs or sends garbage is asked again"
        )
        func http() throws {
            let camera = try LivePart("http_camera.py", ["--fps", "15"])
            for fault in ["end", "cut", "hang", "garbage"] {
                let program = try LiveProgram(
                    "\(camera.url)/camera.mjpeg?\(fault)=15", ["--read-timeout", "1"])
                try program.wait(for: "lost")
                try program.wait(for: "recovered")
                let end = try program.interrupt()
                #expect(end.status == 130, "\(fault): \(end.errors)")
                #expect(end.report.source.framesOut > 0, "\(fault)")
            }
        }

        @Test("with --no-reconnect a loss ends the program with an error")
        func noReconnect() throws {
            let camera = try LivePart("rtsp_camera.py")
            let program = try LiveProgram(camera.url, ["--no-reconnect", "--record", "recorded"])
            try program.wait(for: "age") { (Int($0["frames"]) ?? 0) > 5 }
            camera.send(SIGKILL)
            let end = try program.end()
            #expect(end.status == 1)
            #expect(end.errors.contains("fathom: "))
            #expect(end.report.result == "failed")
            let original = try #require(
                try RecordedSegments(program.path("recorded")).originalPictures().first)
            #expect(original.numbers.isWhole, "\(original.numbers)")
        }
    }
}
