import Fathom
import Foundation
import TestSupport
import Testing

/// What is written in README and Docs for people to type.
@Suite("Documented commands")
struct DocumentedCommandsTests {
    /// Lines of ```sh blocks that call the program, each with the file it stands in.
    static let commands: [String] = {
        let root = Program.packageRoot
        let docs = root.appendingPathComponent("Docs")
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: docs.path)) ?? [])
            .filter { $0.hasSuffix(".md") }.sorted()
        let files =
            [root.appendingPathComponent("README.md")] + names.map(docs.appendingPathComponent)
        var found: [String] = []
        for file in files {
            guard let text = try? String(contentsOf: file, encoding: .utf8) else { continue }
            var isShell = false
            // A line that ends in && goes on in the next.
            var begun = ""
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                if line.hasPrefix("```") {
                    isShell =
                        !isShell && line.dropFirst(3).trimmingCharacters(in: .whitespaces) == "sh"
                } else if isShell, line.hasPrefix("fathom ") || line.contains("| fathom ") {
                    let command = begun + line
                    begun = line.hasSuffix("&&") ? command + " " : ""
                    if begun.isEmpty, !found.contains(command) { found.append(command) }
                }
            }
        }
        return found
    }()

    /// ```yaml blocks that begin with their file's name, `# NAME.yaml`.
    private static let configurations: [(name: String, text: String)] = {
        let page = Program.packageRoot.appendingPathComponent("Docs/Learning.md")
        let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "```yaml\n").dropFirst().compactMap { part in
            let block = part.components(separatedBy: "\n```").first ?? ""
            guard let head = block.split(separator: "\n").first, head.hasPrefix("# ") else {
                return nil
            }
            return (String(head.dropFirst(2)), block + "\n")
        }
    }()

    @Test("there are commands to run")
    func some() {
        #expect(Self.commands.count > 15)
    }

    @Test("each runs as it stands beside a drive.mp4", arguments: commands)
    func runs(_ command: String) throws {
        let folder = try TemporaryFolder()
        try prepare(folder)
        let before = folder.names
        let programs = Program.path().deletingLastPathComponent().path
        let isLive = command.contains("fathom live")
        let result = try Program.run(
            "/bin/bash",
            ["-e", "-o", "pipefail", "-c", isLive ? Self.shortened(command) : command],
            in: folder.url,
            environment: [
                "PATH": programs + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
            ])
        #expect(result.status == 0, "\(result.errors)")
        #expect(!folder.names.contains { $0.contains(".partial") })
        if isLive {
            // Its cameras and servers aren't there: it says so, and goes on asking until its time is over.
            #expect(!result.errors.isEmpty)
        } else if command.contains("fathom run") {
            #expect(folder.names.count > before.count || !result.output.isEmpty)
        } else {
            #expect(!result.output.isEmpty)
        }
    }

    /// A command that would go on for ever, for a second and at a port that is free.
    private static func shortened(_ command: String) -> String {
        command.replacing("127.0.0.1:8080", with: "127.0.0.1:0") + " --duration 1"
    }

    /// The recordings and pictures that the commands speak of.
    private func prepare(_ folder: TemporaryFolder) throws {
        var clip = Clip()
        clip.width = 160
        clip.height = 96
        clip.setRate(Rational(25, 1), frames: 12)
        clip.audio = [Clip.Audio(seconds: 0.48)]
        try clip.write(to: folder.path("drive.mp4"))
        clip.setRate(Rational(25, 1), frames: 4)
        for name in ["other.mp4", "front.mp4", "rear.mp4"] {
            try clip.write(to: folder.path(name))
        }
        clip.audio = []
        clip.encoder = "mjpeg"
        clip.pixelFormat = "yuvj420p"
        clip.format = "image2"
        try FileManager.default.createDirectory(
            atPath: folder.path("frames"), withIntermediateDirectories: false)
        try clip.write(to: folder.path("frames/%06d.jpg"))
        clip.times = [0]
        clip.muxerOptions = ["update": "1"]
        try clip.write(to: folder.path("photo.jpg"))
        try folder.write("my.yaml", Data("layout: depth\ncolormap: turbo\n".utf8))
        for (name, text) in Self.configurations { try folder.write(name, Data(text.utf8)) }
    }
}
