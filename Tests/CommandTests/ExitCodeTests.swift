import Fathom
import Foundation
import TestSupport
import Testing

/// How the program ends, and what lies there then.
@Suite("Exit codes")
struct ExitCodeTests {
    private let quick = ["--size", "64", "--preset", "ultrafast"]

    private func clip(_ name: String, in folder: TemporaryFolder, frames: Int = 12) throws {
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: frames)
        clip.keyFrameDistance = 8
        try clip.write(to: folder.path(name))
    }

    @Test("0 when everything is done, with every frame in the output")
    func done() throws {
        let folder = try TemporaryFolder()
        try clip("a.mp4", in: folder)
        let result = try Program.run("fathom", ["run", "a.mp4"] + quick, in: folder.url)
        #expect(result.status == 0, "\(result.errors)")
        #expect(folder.names == ["a.depth.mp4", "a.mp4"])
        #expect(try DecodedPicture.read(folder.path("a.depth.mp4")).count == 12)
        #expect(result.errors.contains("12 frames in, 12 out, 0 dropped"))
        #expect(result.output.isEmpty)
    }

    @Test("3 for a damaged recording with --strict, 0 without, the output whole both times")
    func strict() throws {
        let folder = try TemporaryFolder()
        try clip("a.ts", in: folder, frames: 60)
        var bytes = try Data(contentsOf: folder.url.appendingPathComponent("a.ts"))
        var state: UInt32 = 11
        for place in stride(from: bytes.count / 3, to: bytes.count / 3 + 3000, by: 3) {
            state = state &* 1_664_525 &+ 1_013_904_223
            bytes[place] = UInt8(state >> 24)
        }
        try folder.write("b.ts", bytes)
        for (options, status) in [(["--strict"], Int32(3)), ([], 0)] {
            let output = "out\(status).mp4"
            let result = try Program.run(
                "fathom", ["run", "b.ts", "-o", output] + options + quick, in: folder.url)
            #expect(result.status == status, "\(result.errors)")
            #expect(try DecodedPicture.read(folder.path(output)).count > 20)
        }
        let sound = try Program.run(
            "fathom", ["run", "a.ts", "-o", "a.mp4", "--strict"] + quick, in: folder.url)
        #expect(sound.status == 0)
    }

    @Test(
        "64 for wrong usage",
        arguments: [
            ["run"], ["run", "a.mp4", "--no-such-option"], ["run", "a.mp4", "--crf", "many"],
            ["run", "a.mp4", "--range", "fixed:2:1"], ["run", "a.mp4", "--start", "noon"],
            ["run", "a.mp4", "-o", "out.xyz"], ["sing"],
            ["run", "a.mp4", "--config", "nowhere.yaml"],
            ["run", "a.mp4", "--fps", "0"], ["run", "a.mp4", "--every", "0"],
            ["run", "-"], ["probe"],
        ])
    func usage(arguments: [String]) throws {
        let folder = try TemporaryFolder()
        try clip("a.mp4", in: folder)
        let result = try Program.run("fathom", arguments, in: folder.url)
        #expect(result.status == 64, "\(result.errors)")
        #expect(!result.errors.isEmpty)
        #expect(folder.names == ["a.mp4"])
    }

    @Test(
        "130 on an interrupt, the output closed under its name and playable",
        arguments: [("mp4", SIGINT), ("mkv", SIGINT), ("mp4", SIGTERM)])
    func interrupted(container: String, signal: Int32) throws {
        let folder = try TemporaryFolder()
        try clip("a.mkv", in: folder, frames: 200)
        let recording = try Data(contentsOf: folder.url.appendingPathComponent("a.mkv"))
        let result = try Program.run(
            "fathom", ["run", "-", "-o", "out.\(container)", "--json-report", "r.json"] + quick,
            in: folder.url, openInput: recording
        ) { process in
            let hasBegun = Program.wait(for: process) { hasPartial(folder) }
            #expect(hasBegun)
            kill(process.processIdentifier, signal)
        }
        #expect(result.status == 130, "\(result.errors)")
        #expect(folder.names == ["a.mkv", "out.\(container)", "r.json"])
        let data = try Data(contentsOf: folder.url.appendingPathComponent("r.json"))
        let report = try JSONDecoder().decode(RunReport.self, from: data)
        #expect(report.result == .interrupted)
        #expect(report.framesOut > 0)
        #expect(try DecodedPicture.read(folder.path("out.\(container)")).count == report.framesOut)
        #expect(result.errors.contains("interrupted"))
    }

    private func hasPartial(_ folder: TemporaryFolder) -> Bool {
        folder.names.contains { name in
            guard name.contains(".partial.") else { return false }
            let attributes = try? FileManager.default.attributesOfItem(atPath: folder.path(name))
            return (attributes?[.size] as? Int ?? 0) > 4000
        }
    }

    @Test("a second interrupt ends at once, without waiting for what is under way")
    func twice() throws {
        let folder = try TemporaryFolder()
        try clip("a.mkv", in: folder, frames: 200)
        let recording = try Data(contentsOf: folder.url.appendingPathComponent("a.mkv"))
        // Nobody reads the pipe: once it is full, the first interrupt alone can't end the program.
        let pipe = folder.path("pipe.mkv")
        try #require(mkfifo(pipe, 0o600) == 0)
        let reader = open(pipe, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        let result = try Program.run(
            "/bin/sh",
            [
                "-c",
                "exec \"$0\" run - -o - --codec ffv1 --layout depth --size 64 --quiet >pipe.mkv",
                Program.path().path,
            ], in: folder.url, openInput: recording
        ) { process in
            var last: Int32 = 0
            var unchanged = 0
            let isFull = Program.wait(for: process) {
                var waiting: Int32 = 0
                guard ioctl(reader, UInt(FIONREAD), &waiting) == 0 else { return false }
                unchanged = waiting == last && waiting > 16384 ? unchanged + 1 : 0
                last = waiting
                return unchanged > 200
            }
            #expect(isFull)
            kill(process.processIdentifier, SIGINT)
            // Until the first has been taken, a second one of the same kind would be merged with it.
            let isTaken = Program.wait(for: process) {
                let path = "/proc/\(process.processIdentifier)/status"
                let status = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                let pending = status.split(separator: "\n").filter {
                    $0.hasPrefix("ShdPnd:") || $0.hasPrefix("SigPnd:")
                }
                return pending.allSatisfy { $0.hasSuffix("0000000000000000") }
            }
            #expect(isTaken)
            #expect(process.isRunning)
            kill(process.processIdentifier, SIGINT)
        }
        #expect(result.status == 130)
    }

    @Test("a reader that goes away ends the program with one line, not with a signal")
    func brokenPipe() throws {
        let folder = try TemporaryFolder()
        try clip("a.mp4", in: folder, frames: 100)
        let result = try Program.run(
            "/bin/bash",
            [
                "-c",
                "\"$0\" run a.mp4 -o - --codec ffv1 --size 64 --quiet | head -c 1000 >head.mkv; exit ${PIPESTATUS[0]}",
                Program.path().path,
            ], in: folder.url)
        #expect(result.status == 1)
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        #expect(result.errors.contains("the program that reads it has ended"))
    }

    @Test("one bad input of several is named, the others are done, and the end is 1")
    func several() throws {
        let folder = try TemporaryFolder()
        try clip("a.mp4", in: folder)
        try clip("c.mp4", in: folder)
        try folder.write("b.mp4", Data("no video".utf8))
        let result = try Program.run(
            "fathom", ["run", "a.mp4", "b.mp4", "c.mp4", "-o", "out"] + quick, in: folder.url)
        #expect(result.status == 1)
        #expect(result.errors.contains("b.mp4"))
        let made = try FileManager.default.contentsOfDirectory(atPath: folder.path("out")).sorted()
        #expect(made == ["a.depth.mp4", "c.depth.mp4"])
    }
}
