import Fathom
import Foundation
import TestSupport
import Testing

extension Live {
    @Suite("Recordings and dumps") struct Recordings {
        @Test("segments of original and depth are in step, and no frame is lost between them")
        func segments() throws {
            let camera = try LivePart("rtsp_camera.py", ["--gop", "10"])
            let program = try LiveProgram(
                camera.url,
                ["--record", "recorded", "--segment", "2s", "--policy", "block"] + readable)
            #expect(
                Deadline(40).wait {
                    RecordedSegments(program.path("recorded")).originals.count >= 4
                })
            let end = try program.interrupt()
            #expect(end.status == 130)
            let recorded = RecordedSegments(program.path("recorded"))
            let originals = try recorded.originalPictures()
            let depths = try recorded.depthPictures()
            #expect(originals.count >= 4)
            try #require(originals.count == depths.count)
            for (original, depth) in zip(originals, depths) {
                #expect(original.numbers.isWhole, "\(original.numbers)")
                #expect(depth.numbers.isWhole, "\(depth.numbers)")
                #expect(original.numbers.first == depth.numbers.first)
            }
            for (original, depth) in zip(originals, depths).dropLast() {
                #expect(original.numbers.last == depth.numbers.last)
                // The same picture has the same time in both.
                for (one, other) in zip(original.times, depth.times) {
                    #expect(abs(one - other) < 0.002)
                }
            }
            let whole = FrameNumbers(originals.flatMap(\.numbers.all))
            #expect(whole.isWhole, "\(whole)")
            let lines = try String(
                contentsOfFile: program.path("recorded/segments.jsonl"), encoding: .utf8)
            #expect(lines.split(separator: "\n").count == originals.count)
        }

        @Test(
            "after kill -9 every segment can be played, and the next recording goes on beside them")
        func killed() throws {
            let camera = try LivePart("rtsp_camera.py", ["--gop", "10"])
            let program = try LiveProgram(
                camera.url, ["--record", "recorded", "--segment", "2s"] + readable)
            #expect(
                Deadline(40).wait {
                    // In the middle of a segment: a file that was made this instant holds no picture.
                    let originals = RecordedSegments(program.path("recorded")).originals
                    guard originals.count >= 3, let newest = originals.last,
                        let bytes = try? Data(contentsOf: URL(fileURLWithPath: newest))
                    else { return false }
                    return bytes.count > 8192
                })
            program.send(SIGKILL)
            #expect(try program.end().status == -SIGKILL)
            let recorded = RecordedSegments(program.path("recorded"))
            let originals = try recorded.originalPictures()
            let pictures = FrameNumbers(originals.flatMap(\.numbers.all))
            #expect(pictures.isWhole, "\(pictures)")
            #expect(pictures.count > 45)
            // The last one may hold no picture yet.
            for path in recorded.depths.dropLast() {
                let depth = try CodedPictures(path, panel: (1, 2))
                #expect(depth.numbers.unreadable + depth.numbers.reordered == 0, "\(depth.numbers)")
                #expect(depth.numbers.count > 5)
            }
            let next = try LiveProgram(
                camera.url, ["--record", program.path("recorded"), "--duration", "2"])
            #expect(try next.end().status == 0)
            let after = RecordedSegments(program.path("recorded"))
            #expect((after.originals + after.depths).allSatisfy { !$0.contains("partial") })
            #expect(after.originals.count > recorded.originals.count)
        }

        @Test("the oldest segments go when there are more than --keep")
        func keep() throws {
            let camera = try LivePart("rtsp_camera.py", ["--gop", "10", "--kbps", "4000"])
            let program = try LiveProgram(
                camera.url,
                ["--record", "recorded", "--segment", "1s", "--keep", "1MB", "--bitrate", "4M"]
                    + readable)
            var first: String?
            #expect(
                Deadline(40).wait {
                    let now = RecordedSegments(program.path("recorded")).originals.first?
                        .replacing(".partial", with: "")
                    first = first ?? now
                    return now != first
                })
            _ = try program.interrupt()
            let size = try FileManager.default.contentsOfDirectory(atPath: program.path("recorded"))
                .filter { $0.hasSuffix(".mkv") }
                .reduce(0) {
                    try $0
                        + (FileManager.default.attributesOfItem(
                            atPath: program.path("recorded/\($1)"))[.size] as? Int ?? 0)
                }
            // The newest pair stays whatever its size.
            #expect(size < 3_000_000, "\(size)")
        }

        @Test(
            "the dump goes to a reader by TCP, with the source's pictures, and a reader that leaves stops nothing"
        )
        func dump() throws {
            let camera = try LivePart("rtsp_camera.py", ["--fps", "15"])
            let reader = try SocketReader()
            let program = try LiveProgram(
                camera.url,
                [
                    "--dump", "tcp://127.0.0.1:\(reader.port)", "--dump-color", "--record",
                    "recorded",
                ])
            #expect(reader.wait(forBytes: 2_000_000))
            reader.leave()
            let now = program.count("age")
            try program.wait(for: "age", count: now + 2)
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(program.count("lost") == 0)
            let folder = try TemporaryFolder()
            var numbers: [Int?] = []
            var colorTimes: [Timestamp] = []
            var depthTimes: [Timestamp] = []
            let file = try folder.write("dump.fathom", reader.received)
            _ = try FrameDumpReader.read(path: file) { event in
                switch event {
                case .description(let head):
                    #expect(head.width == 320 && head.height == 240)
                case .frame(let frame):
                    #expect(frame.missingSamples == 0)
                    depthTimes.append(frame.timestamp)
                case .color(let picture):
                    colorTimes.append(picture.timestamp)
                    guard
                        let path = try? folder.write(
                            "picture-\(numbers.count).jpg", Data(picture.jpeg)),
                        let decoded = try? CodedPictures(path)
                    else {
                        numbers.append(nil)
                        return
                    }
                    numbers.append(decoded.numbers.first)
                case .gap(let gap): Issue.record("\(gap)")
                case .damage: break
                }
            }
            let shown = FrameNumbers(numbers)
            #expect(depthTimes.count >= 10)
            #expect(abs(colorTimes.count - depthTimes.count) <= 1)
            #expect(zip(depthTimes, colorTimes).allSatisfy { $0 == $1 })
            #expect(shown.unreadable + shown.reordered + shown.doubled == 0, "\(shown)")
            let original = try #require(
                try RecordedSegments(program.path("recorded")).originalPictures().first)
            #expect(original.numbers.isWhole, "\(original.numbers)")
        }

        @Test("depth files are written while the source plays, each with its line in the manifest")
        func frames() throws {
            let camera = try LivePart("rtsp_camera.py", ["--fps", "10"])
            let program = try LiveProgram(
                camera.url,
                ["--frames", "png16", "--frames-dir", "depth", "--duration", "4"])
            let end = try program.end()
            #expect(end.status == 0, "\(end.errors)")
            let names = try FileManager.default.contentsOfDirectory(atPath: program.path("depth"))
            let files = names.filter { $0.hasSuffix(".png") }
            #expect(files.count >= 10)
            #expect(files.count <= end.report.source.framesOut)
            let manifest = try String(
                contentsOfFile: program.path("depth/manifest.jsonl"), encoding: .utf8)
            #expect(manifest.split(separator: "\n").count == files.count + 1)
            #expect(manifest.contains("wallTimeSource"))
        }
    }
}
