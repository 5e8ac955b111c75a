import Foundation
import TestSupport
import Testing

extension Live {
    @Suite("Pushes") struct Pushes {
        /// Every picture of the depth's recording between the push's first and last one is in the push, once.
        private func compare(_ pushed: FrameNumbers, _ depth: FrameNumbers, _ name: String) throws {
            #expect(pushed.unreadable == 0, "\(name): \(pushed)")
            #expect(pushed.doubled + pushed.reordered == 0, "\(name): \(pushed)")
            let first = try #require(pushed.first, "\(name)")
            let last = try #require(pushed.last, "\(name)")
            let expected = depth.all.filter { $0.map { (first...last).contains($0) } ?? true }
            #expect(pushed.all == expected, "\(name): \(pushed), recorded: \(depth)")
        }

        @Test(
            "RTSP, RTMP and SRT servers get every picture, with sound; one that is dead bothers none of them"
        )
        func everyKind() throws {
            let folder = try TemporaryFolder()
            let camera = try LivePart("rtsp_camera.py", ["--audio", "aac"])
            let rtsp = try LivePart("rtsp_camera.py", ["--push-dir", folder.path("rtsp")])
            let nginx = try LivePart("nginx_rtmp.py", ["--dir", folder.path("nginx")])
            let srt = try LivePart("srt_peer.py", ["record", folder.path("srt.ts")])
            let mute = try LivePart("mute_server.py", ["silent"])
            let program = try LiveProgram(
                camera.url,
                ["--record", "recorded", "--push", rtsp["push"] + "-audio"]
                    + ["--push", nginx["rtmp"] + "/depth", "--push", srt.url]
                    + ["--push", "rtmp://\(mute["address"])/live/depth"] + readable)
            try rtsp.wait(for: "PUSHED") { (Int($0["frames"]) ?? 0) > 75 }
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.seconds < 2)
            try rtsp.wait(for: "RECORDED")
            let recorded = RecordedSegments(program.path("recorded"))
            let original = try #require(try recorded.originalPictures().first)
            #expect(original.numbers.isWhole, "\(original.numbers)")
            let depth = try #require(try recorded.depthPictures().first).numbers
            for part in [rtsp, nginx, srt, mute] { #expect(part.stop() == 0) }
            let flv = try #require(
                try FileManager.default.contentsOfDirectory(atPath: folder.path("nginx/recorded"))
                    .first)
            for (name, file) in [
                ("RTSP", "rtsp/push-1.h264"), ("RTMP", "nginx/recorded/\(flv)"), ("SRT", "srt.ts"),
            ] {
                let pushed = try CodedPictures(folder.path(file), panel: (1, 2))
                #expect(pushed.numbers.count > 40, "\(name)")
                try compare(pushed.numbers, depth, name)
                if name == "RTMP" { #expect(pushed.audioPackets > 50, "\(name)") }
            }
            #expect(
                (try? Data(contentsOf: folder.url.appendingPathComponent("rtsp/push-1.aac")).count)
                    ?? 0 > 1000)
        }

        @Test(
            "a push server that dies and comes back gets the push again; the recording never notices"
        )
        func restarted() throws {
            let folder = try TemporaryFolder()
            let camera = try LivePart("rtsp_camera.py")
            let nginx = try LivePart("nginx_rtmp.py", ["--dir", folder.path("nginx")])
            let port = freePort()
            let rtsp = try LivePart(
                "rtsp_camera.py", ["--port", "\(port)", "--push-dir", folder.path("first")])
            let program = try LiveProgram(
                camera.url,
                [
                    "--record", "recorded", "--push", nginx["rtmp"] + "/depth", "--push",
                    rtsp["push"],
                ]
                    + readable)
            func isAbout(_ scheme: String) -> (LiveProgram.Event) -> Bool {
                { $0["output"].contains("\(scheme)://") }
            }
            try rtsp.wait(for: "PUSHED") { (Int($0["frames"]) ?? 0) > 20 }
            try nginx.tell("kill")
            rtsp.send(SIGKILL)
            try program.wait(for: "failed", where: isAbout("rtmp"))
            try program.wait(for: "failed", where: isAbout("rtsp"))
            try nginx.tell("start")
            let again = try LivePart(
                "rtsp_camera.py", ["--port", "\(port)", "--push-dir", folder.path("second")])
            try program.wait(for: "recovered", where: isAbout("rtmp"))
            try program.wait(for: "recovered", where: isAbout("rtsp"))
            try again.wait(for: "PUSHED") { (Int($0["frames"]) ?? 0) > 20 }
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.report.source.reconnects == 0)
            try again.wait(for: "RECORDED")
            let pushed = try CodedPictures(folder.path("second/push-1.h264"), panel: (1, 2))
            #expect(pushed.numbers.unreadable == 0, "\(pushed.numbers)")
            let original = try #require(
                try RecordedSegments(program.path("recorded")).originalPictures().first)
            #expect(original.numbers.isWhole, "\(original.numbers)")
        }

        @Test("a push server that stops reading slows nothing down, nor the end")
        func hangs() throws {
            let folder = try TemporaryFolder()
            let camera = try LivePart("rtsp_camera.py")
            let nginx = try LivePart("nginx_rtmp.py", ["--dir", folder.path("nginx")])
            let program = try LiveProgram(
                camera.url,
                ["--record", "recorded", "--push", nginx["rtmp"] + "/depth", "--bitrate", "8M"]
                    + readable)
            try program.wait(for: "age") { (Int($0["frames"]) ?? 0) > 20 }
            try nginx.tell("stop")
            let before = try program.wait(for: "age", count: program.count("age") + 1)
            let during = try program.wait(for: "age", count: program.count("age") + 1)
            #expect((Int(during["frames"]) ?? 0) * 2 > (Int(before["frames"]) ?? 0))
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.seconds < 2, "\(end.seconds) s")
            #expect(program.count("lost") == 0)
            let original = try #require(
                try RecordedSegments(program.path("recorded")).originalPictures().first)
            #expect(original.numbers.isWhole, "\(original.numbers)")
            #expect(nginx.stop() == 0)
        }
    }
}
