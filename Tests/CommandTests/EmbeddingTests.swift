import Foundation
import TestSupport
import Testing

/// Fathom in other places than its own build.
@Suite("Embedded and installed")
struct EmbeddingTests {
    @Test("another package depends on a tagged version, and gets depth from the embedded network")
    func otherPackage() throws {
        let root = Program.packageRoot
        guard FileManager.default.fileExists(atPath: root.appendingPathComponent(".git").path)
        else {
            return Program.skipped("a package that embeds Fathom", "this is no git checkout")
        }
        let result = try Program.run(
            "/bin/bash",
            [
                root.appendingPathComponent("Scripts/check-embedding.sh").path,
                root.appendingPathComponent(".build/embedding").path,
            ])
        #expect(result.status == 0, "\(result.errors.suffix(2000))")
        #expect(result.text.contains(" operators, depth of "))
    }

    @Test("what make install leaves runs from any folder, and finds its presets")
    func install() throws {
        let folder = try TemporaryFolder()
        let made = try Program.run(
            "/usr/bin/env",
            [
                "make", "-C", Program.packageRoot.path, "install", "BUILD=true",
                "PROGRAM=\(Program.path().path)", "PREFIX=\(folder.path("prefix"))",
            ])
        try #require(made.status == 0, "\(made.errors)")
        for file in [
            "bin/fathom", "share/fathom/configs/dashcam.yaml", "share/man/man1/fathom.1",
            "share/bash-completion/completions/fathom", "share/zsh/site-functions/_fathom",
            "share/fish/vendor_completions.d/fathom.fish",
        ] {
            let path = folder.path("prefix/" + file)
            let size =
                try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
            #expect(size > 100, "\(file)")
        }
        let work = folder.url.appendingPathComponent("work")
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: false)
        var clip = Clip()
        clip.times = [0, 1, 2]
        try clip.write(to: folder.path("work/a.mp4"))
        let run = try Program.run(
            folder.path("prefix/bin/fathom"),
            ["run", "a.mp4", "--config", "dashcam", "--size", "64"], in: work)
        #expect(run.status == 0, "\(run.errors)")
        #expect(try DecodedPicture.read(folder.path("work/a.depth.mp4")).count == 3)
        let unknown = try Program.run(
            folder.path("prefix/bin/fathom"), ["run", "a.mp4", "--config", "dashcan"], in: work)
        #expect(unknown.status == 64)
    }
}
