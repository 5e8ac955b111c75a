import Fathom
import Foundation
import TestSupport
import Testing

/// What a person sees while a run goes on and at its end.
@Suite("Progress")
struct ProgressTests {
    private func clip(in folder: TemporaryFolder, frames: Int) throws {
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: frames)
        try clip.write(to: folder.path("a.mp4"))
    }

    @Test("away from a terminal there are plain lines, and the account at the end")
    func plain() throws {
        let folder = try TemporaryFolder()
        try clip(in: folder, frames: 10)
        let result = try Program.run(
            "fathom", ["run", "a.mp4", "--size", "64", "--preset", "ultrafast"], in: folder.url)
        #expect(!result.errors.contains("\r") && !result.errors.contains("\u{1B}"))
        for words in [
            "10 frames in, 10 out, 0 dropped, 0 decode errors", "× real time", "per frame: demux",
            "limited by", "wrote a.depth.mp4",
        ] {
            #expect(result.errors.contains(words), "\(result.errors)")
        }
    }

    @Test("--quiet says nothing")
    func quiet() throws {
        let folder = try TemporaryFolder()
        try clip(in: folder, frames: 3)
        let result = try Program.run(
            "fathom", ["run", "a.mp4", "--size", "64", "--quiet"], in: folder.url)
        #expect(result.status == 0)
        #expect(result.errors.isEmpty && result.output.isEmpty)
    }

    @Test("in a terminal there is one line, rewritten, and nothing of it at the end")
    func terminal() throws {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/script") else {
            return Program.skipped("progress in a terminal", "there is no 'script'")
        }
        let folder = try TemporaryFolder()
        try clip(in: folder, frames: 400)
        let command = "\(Program.path().path) run a.mp4 --size 160 --layout depth"
        let result = try Program.run(
            "/usr/bin/script", ["-qec", command, "/dev/null"], in: folder.url,
            environment: ["TERM": "xterm"])
        #expect(result.status == 0)
        let shown = result.text.components(separatedBy: "\r\u{1B}[K").dropFirst()
        let progress = shown.filter { $0.contains("frames") && $0.contains("fps") }
        #expect(progress.count >= 2, "\(result.text)")
        #expect(progress.contains { $0.contains("%") && $0.contains("left") })
        // The last rewriting leaves nothing but the account.
        #expect(shown.last?.contains("400 frames in, 400 out") == true)
    }

    @Test("the doctor says what the machine has and what to choose on it")
    func doctor() throws {
        let result = try Program.run("fathom", ["doctor"])
        #expect(result.status == 0)
        for words in ["cores", "instructions", "writes", "reads", "default model", "advice"] {
            #expect(result.text.contains(words))
        }
    }
}
