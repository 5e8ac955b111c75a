import Foundation
import TestSupport
import Testing

extension Live {
    @Suite("Every kind of source") struct Sources {
        @Test("every kind plays, all at once, and each recording has every frame")
        func everyKind() throws {
            let options = ["--fps", "10", "--gop", "10"]
            let camera = try LivePart("rtsp_camera.py", options)
            let hevc = try LivePart("rtsp_camera.py", options + ["--codec", "hevc"])
            let folder = try TemporaryFolder()
            let nginx = try LivePart("nginx_rtmp.py", ["--dir", folder.path("nginx")])
            let published = try LivePart("sender.py", [nginx["rtmp"] + "/one"] + options)
            let srt = try LivePart("srt_peer.py", ["camera"] + options)
            let http = try LivePart("http_camera.py", ["--hls", "--fps", "10"])
            let udp = freePort(SOCK_DGRAM)
            let sender = try LivePart("sender.py", ["udp://127.0.0.1:\(udp)"] + options)
            let screen = try LivePart("screen.py", ["--fps", "10"])
            let kinds = [
                ("RTSP", camera.url), ("RTSP with HEVC", hevc.url),
                ("RTMP", nginx["rtmp"] + "/one"),
                ("SRT", srt.url), ("MJPEG", http.url + "/camera.mjpeg"),
                ("HLS", http.url + "/hls/live.m3u8"), ("UDP", "udp://127.0.0.1:\(udp)"),
                ("screen", "x11:\(screen["display"])"),
            ]
            let program = try LiveProgram(
                kinds.map(\.1),
                ["--record", "recorded", "--input-size", "320x240", "--input-rate", "10"] + readable
            )
            for (_, address) in kinds {
                let name = address.prefix { $0 != "?" }
                try program.wait(for: "age", count: 2) {
                    $0["source"] == name && (Int($0["frames"]) ?? 0) > 20
                }
            }
            let end = try program.interrupt()
            #expect(end.status == 130)
            let sources = try #require(end.report.sources)
            for (index, (kind, _)) in kinds.enumerated() {
                let source = sources[index]
                #expect(source.framesIn == source.framesOut + source.framesDropped, "\(kind)")
                #expect(source.framesOut > 20, "\(kind)")
                #expect(source.reconnects == 0, "\(kind)")
                let recorded = RecordedSegments(program.path("recorded"), source: index)
                try #require(recorded.originals.count == 1, "\(kind): \(recorded)")
                try #require(recorded.depths.count == 1, "\(kind): \(recorded)")
                let original = try recorded.originalPictures()[0]
                let shown = kind == "screen" ? original.numbers.sinceFirstRead : original.numbers
                #expect(shown.unreadable == 0 && shown.count > 20, "\(kind): \(shown)")
                #expect(original.isInOrder, "\(kind)")
                // A screen is looked at again and again; what others send comes once.
                if kind != "screen" {
                    #expect(original.numbers.isWhole, "\(kind): \(original.numbers)")
                }
                let depth = try recorded.depthPictures()[0]
                let deep = kind == "screen" ? depth.numbers.sinceFirstRead : depth.numbers
                #expect(deep.unreadable + deep.reordered == 0, "\(kind): \(deep)")
                #expect(depth.isInOrder, "\(kind)")
            }
            for part in [camera, hevc, published, nginx, srt, http, sender, screen] {
                #expect(part.stop() == 0)
            }
        }

        @Test(
            "pictures of many datagrams stay whole, long after their number of slices is known",
            arguments: ["h264", "hevc"])
        func large(codec: String) throws {
            let film = Program.packageRoot.appendingPathComponent("Samples/media/drive.mp4").path
            let camera = try LivePart(
                "rtsp_camera.py", ["--codec", codec, "--file", film, "--kbps", "3000"])
            let program = try LiveProgram(
                camera.url, ["--record", "recorded", "--duration", "6"])
            #expect(try program.end().status == 0)
            let recorded = RecordedSegments(program.path("recorded"))
            let file = try #require(recorded.originals.first)
            #expect(try CodedPictures(file).pictures.count > 60)
            let decoder = try Program.run(
                "/usr/bin/ffmpeg", ["-v", "error", "-nostdin", "-i", file, "-f", "null", "-"])
            #expect(decoder.errors.isEmpty, "\(decoder.errors.prefix(300))")
        }

        @Test("sound goes along into recordings, by TCP and by UDP")
        func sound() throws {
            for transport in ["tcp", "udp"] {
                let aac = try LivePart("rtsp_camera.py", ["--audio", "aac"])
                let pcmu = try LivePart("rtsp_camera.py", ["--audio", "pcmu"])
                let program = try LiveProgram(
                    [aac.url, pcmu.url],
                    ["--rtsp-transport", transport, "--record", "recorded", "--duration", "4"])
                #expect(try program.end().status == 0)
                for source in 0...1 {
                    let recorded = RecordedSegments(program.path("recorded"), source: source)
                    let original = try #require(try recorded.originalPictures().first)
                    // PCMU comes in longer packets.
                    #expect(original.audioPackets > (source == 0 ? 50 : 15), "\(transport)")
                    #expect(original.numbers.isWhole, "\(transport): \(original.numbers)")
                }
            }
        }

        @Test("a pipe is read to its end, and with --policy block nothing is dropped")
        func pipe() throws {
            let pipe = try PipeEnds()
            let sender = try LivePart(
                "sender.py", ["-", "--frames", "120", "--fast"],
                output: pipe.writing)
            close(pipe.writing)
            let program = try LiveProgram(
                ["-"], ["--policy", "block", "--record", "recorded"] + readable,
                input: pipe.reading)
            close(pipe.reading)
            let end = try program.end()
            #expect(end.status == 0, "\(end.errors)")
            #expect(end.report.source.framesIn == 120)
            #expect(end.report.source.framesOut == 120)
            #expect(end.report.source.framesDropped == 0)
            let recorded = RecordedSegments(program.path("recorded"))
            for pictures in try recorded.originalPictures() + recorded.depthPictures() {
                #expect(
                    pictures.numbers.isWhole && pictures.numbers.count == 120, "\(pictures.numbers)"
                )
            }
            #expect(sender.stop() == 0)
        }

        @Test("a recording plays at its own speed with --realtime, and ends")
        func realtime() throws {
            let folder = try TemporaryFolder()
            let file = folder.path("clip.mkv")
            let sender = try LivePart("sender.py", [file, "--frames", "75", "--fast", "--stay"])
            try sender.wait(for: "SENT")
            let start = Date()
            let program = try LiveProgram(file, ["--realtime"])
            let end = try program.end()
            #expect(end.status == 0, "\(end.errors)")
            #expect(Date().timeIntervalSince(start) > 2.8)
            let source = end.report.source
            #expect(source.framesIn == 75)
            #expect(source.framesIn == source.framesOut + source.framesDropped)
        }

        @Test("one frame a second and 240 a second are kept up with or dropped, and counted")
        func rates() throws {
            let slow = try LivePart("rtsp_camera.py", ["--fps", "1", "--gop", "2"])
            let fast = try LivePart(
                "rtsp_camera.py", ["--fps", "240", "--gop", "60", "--size", "128x96"])
            let program = try LiveProgram([slow.url, fast.url], ["--record", "recorded"])
            try program.wait(for: "age", count: 2) { $0["source"] == slow.url }
            let end = try program.interrupt()
            let sources = try #require(end.report.sources)
            for source in sources {
                #expect(source.framesIn == source.framesOut + source.framesDropped)
                #expect(source.reconnects == 0)
            }
            #expect(sources[0].framesOut >= 3)
            #expect(sources[0].framesDropped == 0)
            // A loaded machine may make fewer pictures than 240 a second; it is far more than a usual camera's.
            #expect(sources[1].framesIn > 300)
            for (index, least) in [(0, 3), (1, 300)] {
                let recorded = RecordedSegments(program.path("recorded"), source: index)
                let original = try #require(try recorded.originalPictures().first)
                let numbers = original.numbers
                // At 240 a second the camera's encoder leaves the codes of a few pictures unreadable, or misread; the
                // pictures are there: no number is missing but theirs.
                let unclear = numbers.unreadable + numbers.doubled
                #expect(numbers.lost <= unclear, "\(numbers)")
                #expect((unclear + numbers.reordered) * 100 <= numbers.count, "\(numbers)")
                #expect(numbers.count >= least)
            }
        }
    }
}
