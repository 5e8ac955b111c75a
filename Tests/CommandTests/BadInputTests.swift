import Fathom
import Foundation
import TestSupport
import Testing

/// What a person may hand over by mistake: one line that names file, trouble and remedy; nothing left behind.
@Suite("Bad input gets one clear line")
struct BadInputTests {
    /// What went wrong, as the program is called and what it should say.
    struct Mistake: CustomStringConvertible, Sendable {
        let description: String
        var arguments: [String] = []
        var output = "out.mp4"
        /// Words that the line has to have.
        let words: [String]
        var status: Int32 = 1
        /// Makes the input.
        let prepare: @Sendable (TemporaryFolder) throws -> Void
    }

    private static func clip(_ name: String, in folder: TemporaryFolder) throws {
        try Clip().write(to: folder.path(name))
    }

    private static func mistake(
        _ description: String, _ input: String, says words: String..., status: Int32 = 1,
        options: [String] = [], output: String = "out.mp4",
        prepare: @escaping @Sendable (TemporaryFolder) throws -> Void = { _ in }
    ) -> Mistake {
        Mistake(
            description: description, arguments: ["run", input] + options, output: output,
            words: words, status: status, prepare: prepare)
    }

    static let inputs: [Mistake] = [
        mistake("a missing file", "none.mp4", says: "none.mp4", "no such file", "Check the name"),
        mistake("a folder without pictures", "empty", says: "empty", "without pictures", "Name a") {
            try FileManager.default.createDirectory(
                atPath: $0.path("empty"), withIntermediateDirectories: false)
        },
        mistake("a text", "letter.txt", says: "letter.txt", "not a media", "Name a video") {
            try $0.write("letter.txt", Data("Dear reader,\nno video here.\n".utf8))
        },
        mistake(
            "a text that calls itself MP4", "a.mp4", says: "a.mp4", "not a media", "Name a video"
        ) {
            try $0.write("a.mp4", Data(String(repeating: "no video\n", count: 900).utf8))
        },
        mistake("an empty file", "a.mp4", says: "a.mp4", "is empty", "again") {
            try $0.write("a.mp4", Data())
        },
        mistake("an MP4 without its index", "cut.mp4", says: "cut.mp4", "moov", "untrunc") {
            try clip("a.mp4", in: $0)
            let bytes = try Data(contentsOf: $0.url.appendingPathComponent("a.mp4"))
            try $0.write("cut.mp4", bytes.prefix(1500))
        },
        mistake("sound alone", "a.m4a", says: "a.m4a", "only sound", "video stream") {
            try SoundFile.write(to: $0.path("a.m4a"))
        },
        mistake("an MP4 of no frames", "a.mp4", says: "a.mp4", "video", "Name") {
            var clip = Clip()
            clip.times = []
            try clip.write(to: $0.path("a.mp4"))
        },
        mistake("a Matroska file of no frames", "a.mkv", says: "a.mkv", "first frame", "again") {
            var clip = Clip()
            clip.times = []
            try clip.write(to: $0.path("a.mkv"))
        },
        mistake(
            "a picture of 65535×65535", "huge.y4m", says: "huge.y4m", "65535×65535", "damaged"
        ) {
            try $0.write(
                "huge.y4m", Data("YUV4MPEG2 W65535 H65535 F25:1 Ip A1:1 C420\nFRAME\nabc".utf8))
        },
        mistake("10⁹ frames a second", "fast.y4m", says: "fast.y4m", "frames a second", "damaged") {
            var bytes = Data("YUV4MPEG2 W64 H48 F1000000000:1 Ip A1:1 C420\n".utf8)
            for _ in 0..<3 {
                bytes += Data("FRAME\n".utf8) + Data(repeating: 99, count: 64 * 48 * 3 / 2)
            }
            try $0.write("fast.y4m", bytes)
        },
        mistake("a file that may not be read as a whole", "loop.mp4", says: "loop.mp4") {
            try FileManager.default.createSymbolicLink(
                atPath: $0.path("loop.mp4"), withDestinationPath: "loop.mp4")
        },
    ]

    static let outputs: [Mistake] = [
        mistake(
            "the output is the input", "a.mp4", says: "a.mp4", "input itself", "-o", status: 64,
            options: ["--overwrite"], output: "a.mp4"),
        mistake(
            "a missing folder", "a.mp4", says: "no/out.mp4", "folder does not exist", "Make",
            output: "no/out.mp4"),
        mistake(
            "a file that exists", "a.mp4", says: "old.mp4", "exists", "--overwrite",
            output: "old.mp4"),
        mistake("a folder's name", "a.mp4", says: "no/", output: "no/such/"),
        mistake(
            "an unknown colour map", "a.mp4", says: "infermo", "did you mean 'inferno'",
            "inferno, magma, viridis, turbo, spectral, gray, kitti", status: 64,
            options: ["--colormap", "infermo"]),
        mistake(
            "an unknown layout", "a.mp4", says: "sidebyside", "side-by-side", status: 64,
            options: ["--layout", "sidebyside"]),
        mistake(
            "an unknown preset", "a.mp4", says: "warp", "--preset", "medium", status: 64,
            options: ["--preset", "warp"]),
        mistake(
            "a model that isn't there", "a.mp4", says: "none.onnx", "no such file",
            "fathom model list", status: 64, options: ["--model", "none.onnx"]),
        mistake(
            "a model that isn't ONNX", "a.mp4", says: "text.onnx", "no ONNX file", "model",
            options: ["--model", "text.onnx"]),
        mistake(
            "a model that takes no picture", "a.mp4", says: "vector.onnx", "picture",
            options: ["--model", "vector.onnx"]),
        mistake(
            "a stream that isn't there", "a.mp4", says: "stream 5", "a.mp4", "video streams",
            status: 64, options: ["--stream", "5"]),
        mistake(
            "metres of a relative model", "a.mp4", says: "metres", "relative", status: 64,
            options: ["--frames", "npy", "--frames-as", "metres"]),
        mistake(
            "a report where none can be", "a.mp4", says: "no/report.json", "folder",
            options: ["--json-report", "no/report.json"]),
        mistake(
            "a dump where none can be", "a.mp4", says: "no/a.fathom", "folder",
            options: ["--dump", "no/a.fathom"]),
        mistake(
            "depth files where none can be", "a.mp4", says: "no/files", "folder",
            options: ["--frames", "npy", "--frames-dir", "no/files"]),
        mistake(
            "a start behind the end", "a.mp4", says: "a.mp4", "--start",
            options: ["--start", "10", "--quiet"]),
    ]

    private func check(_ mistake: Mistake, in folder: TemporaryFolder, before: [String]) throws {
        let result = try Program.run(
            "fathom",
            mistake.arguments + ["-o", mistake.output, "--size", "64"]
                + (mistake.arguments.contains("--preset") ? [] : ["--preset", "ultrafast"]),
            in: folder.url)
        #expect(result.status == mistake.status, "\(result.errors)")
        let lines = result.errors.split(separator: "\n")
        #expect(lines.count == 1, "\(result.errors)")
        #expect(result.errors.hasPrefix("fathom: cannot "), "\(result.errors)")
        for word in mistake.words { #expect(result.errors.contains(word), "\(result.errors)") }
        #expect(result.output.isEmpty)
        #expect(folder.names == before)
    }

    @Test("an input that is none", arguments: inputs)
    func badInput(_ mistake: Mistake) throws {
        let folder = try TemporaryFolder()
        try mistake.prepare(folder)
        try check(mistake, in: folder, before: folder.names)
    }

    @Test("an output or option that can't be", arguments: outputs)
    func badOutput(_ mistake: Mistake) throws {
        let folder = try TemporaryFolder()
        try Self.clip("a.mp4", in: folder)
        try folder.write("old.mp4", Data("an earlier result".utf8))
        try folder.write("text.onnx", Data("not a network at all, only words".utf8))
        try folder.write("vector.onnx", Data(TinyNetwork.ofVector))
        try check(mistake, in: folder, before: folder.names)
        let old = try Data(contentsOf: folder.url.appendingPathComponent("old.mp4"))
        #expect(old == Data("an earlier result".utf8))
    }

    @Test("a folder that may not be written")
    func readOnlyFolder() throws {
        let folder = try TemporaryFolder()
        try Self.clip("a.mp4", in: folder)
        let closed = folder.path("closed")
        try FileManager.default.createDirectory(
            atPath: closed, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o555])
        let arguments = ["run", "a.mp4", "-o", "closed/out.mp4", "--size", "64"]
        let result: Program.Result
        if geteuid() == 0 {
            // Root may write anywhere, unless it gives up that right.
            guard FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv") else {
                return Program.skipped("a read-only folder", "this is root, without setpriv")
            }
            result = try Program.run(
                "/usr/bin/setpriv",
                ["--bounding-set=-dac_override", "--", Program.path().path] + arguments,
                in: folder.url)
        } else {
            result = try Program.run("fathom", arguments, in: folder.url)
        }
        #expect(result.status == 1, "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(result.errors.contains("closed/out.mp4"))
        #expect(result.errors.contains("not permitted"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: closed).isEmpty)
    }

    @Test(
        "a disk that is full is named; what was written can be played; no final name",
        arguments: ["mp4", "mkv"])
    func fullDisk(container: String) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 160
        clip.height = 120
        clip.setRate(Rational(25, 1), frames: 100)
        clip.paint = { frame, plane, x, y in
            plane == 0 ? 16 + (x * 7919 + y * 104729 + frame * 611_953) % 220 : 128
        }
        try clip.write(to: folder.path("a.mkv"))
        // A limit on the size of files stands in for the disk: the write behind it fails in the same way.
        let result = try Program.run(
            "/bin/bash",
            [
                "-c",
                "ulimit -f 150; exec \"$0\" run a.mkv -o out.\(container) --size 64 --preset ultrafast --crf 10 --quiet",
                Program.path().path,
            ], in: folder.url)
        #expect(result.status == 1, "\(result.status) \(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        #expect(result.errors.contains("out.partial.\(container)"))
        #expect(folder.names == ["a.mkv", "out.partial.\(container)"])
        #expect(try DecodedPicture.read(folder.path("out.partial.\(container)")).count > 5)
    }

    @Test(
        "each output on a full device gets one line",
        arguments: [
            ("out.partial.mp4", ["-o", "out.mp4"]), ("out.partial.mkv", ["-o", "out.mkv"]),
            ("out.partial.fathom", ["--dump", "out.fathom"]),
        ])
    func fullDevice(link: String, options: [String]) throws {
        let folder = try TemporaryFolder()
        try Self.clip("a.mp4", in: folder)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path(link), withDestinationPath: "/dev/full")
        let result = try Program.run(
            "fathom", ["run", "a.mp4", "--size", "64", "--quiet"] + options, in: folder.url)
        #expect(result.status == 1)
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        #expect(result.errors.contains("the disk is full"), "\(result.errors)")
        #expect(!folder.names.contains(options[1]))
    }

    @Test("an absurd header takes no memory worth mentioning")
    func noAllocation() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            "huge.y4m", Data("YUV4MPEG2 W65535 H65535 F25:1 Ip A1:1 C420\nFRAME\nabc".utf8))
        // A picture of this size has 6 GB; the program gets three to live in.
        let result = try Program.run(
            "/bin/bash",
            [
                "-c", "ulimit -v 3000000; exec \"$0\" probe huge.y4m", Program.path().path,
            ], in: folder.url)
        #expect(result.status == 1, "\(result.errors)")
        #expect(result.errors.contains("65535×65535"))
    }
}
