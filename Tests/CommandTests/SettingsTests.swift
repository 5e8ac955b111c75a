import Fathom
import Foundation
import TestSupport
import Testing

/// The program's own description of a command.
private struct CommandDescription: Decodable {
    struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
        }
        var kind: String
        var names: [Name]?

        /// The long names, without dashes.
        var longNames: [String] { (names ?? []).filter { $0.kind == "long" }.map(\.name) }
    }

    var commandName: String
    var arguments: [Argument]?
    var subcommands: [CommandDescription]?

    /// This command and everything below it.
    var all: [CommandDescription] { [self] + (subcommands ?? []).flatMap(\.all) }

    static func ofProgram() throws -> CommandDescription {
        struct Dump: Decodable { var command: CommandDescription }
        let result = try Program.run("fathom", ["--experimental-dump-help"])
        return try JSONDecoder().decode(Dump.self, from: result.output).command
    }
}

@Suite("Settings, help, completions and manual agree")
struct SettingsTests {
    @Test("every setting is an option of its command, and every option a setting")
    func settingsAreOptions() throws {
        try compare("run", RunConfiguration.settings.map { ($0.key, $0.isFlag) })
        try compare("live", LiveConfiguration.settings.map { ($0.key, $0.isFlag) })
    }

    private func compare(_ command: String, _ settings: [(key: String, isFlag: Bool)]) throws {
        let described = try #require(
            try CommandDescription.ofProgram().all.first { $0.commandName == command })
        let options = Set((described.arguments ?? []).flatMap(\.longNames))
            .subtracting(["help", "version", "config"])
        let keys = Set(settings.map(\.key))
        let flags = settings.filter(\.isFlag).map { "no-\($0.key)" }
        #expect(keys.subtracting(options).isEmpty, "\(command)")
        #expect(options.subtracting(keys).subtracting(flags).isEmpty, "\(command)")
        #expect(keys.count == settings.count, "\(command)")
    }

    @Test("the contract's options of fathom live are there")
    func liveContract() {
        let keys = Set(LiveConfiguration.settings.map(\.key))
        for key in [
            "input-size", "input-rate", "input-format", "rtsp-transport", "realtime", "policy",
            "max-age", "target-fps", "open-timeout", "read-timeout", "reconnect", "serve", "token",
            "push", "record", "segment", "keep", "dump", "dump-as", "dump-color", "frames",
            "frames-dir", "layout", "colormap", "codec", "crf", "preset", "bitrate", "events",
            "duration", "json-report", "model", "size", "precision", "threads",
        ] {
            #expect(keys.contains(key), "\(key)")
        }
    }

    @Test("the contract's options are there")
    func contract() {
        let keys = Set(RunConfiguration.settings.map(\.key))
        for key in [
            "output", "model", "size", "precision", "threads", "layout", "opacity", "colormap",
            "invert", "range", "smoothing", "upsampling", "legend", "hud", "start", "duration",
            "every", "fps", "stream", "codec", "crf", "preset", "bitrate", "audio", "data",
            "overwrite", "strict", "quiet", "frames", "frames-dir", "frames-as", "frames-size",
            "frames-scale", "dump", "dump-as", "dump-color", "camera", "fov", "json-report", "mean",
            "std", "output-kind",
        ] {
            #expect(keys.contains(key), "\(key)")
        }
    }

    private func run(
        _ yaml: String, _ options: [String] = []
    ) throws -> (result: Program.Result, folder: TemporaryFolder) {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.times = [0, 1]
        try clip.write(to: folder.path("a.mp4"))
        try folder.write("c.yaml", Data(yaml.utf8))
        let result = try Program.run(
            "fathom", ["run", "a.mp4", "--config", "c.yaml", "--size", "64"] + options,
            in: folder.url)
        return (result, folder)
    }

    @Test("an unknown key of a file is an error that names the nearest")
    func unknownKey() throws {
        let (result, folder) = try run("colourmap: turbo\n")
        #expect(result.status == 64)
        #expect(result.errors.contains("'colourmap'"))
        #expect(result.errors.contains("Did you mean 'colormap'?"))
        #expect(folder.names == ["a.mp4", "c.yaml"])
    }

    @Test("a wrong value of a file is an error that names what is right")
    func wrongValue() throws {
        let (result, _) = try run("smoothing: strog\n")
        #expect(result.status == 64)
        #expect(result.errors.contains("did you mean 'strong'"))
    }

    @Test("flags win over the file, and the file over the defaults")
    func precedence() throws {
        let depth = try run("layout: depth\noutput: b.mkv\ncodec: ffv1\n")
        #expect(depth.result.status == 0, "\(depth.result.errors)")
        let alone = try #require(try DecodedPicture.read(depth.folder.path("b.mkv")).first)
        #expect(alone.width == 64 && alone.height == 48)
        let stacked = try run(
            "layout: depth\noutput: b.mkv\ncodec: ffv1\n", ["--layout", "stacked"])
        let both = try #require(try DecodedPicture.read(stacked.folder.path("b.mkv")).first)
        #expect(both.width == 64 && both.height == 96)
    }

    @Test("a flag of a file can be taken back on the command line")
    func flags() throws {
        // YAML's own words for truth, and the option's two forms.
        let (result, folder) = try run("no-audio: yes\nlegend: off\n", ["--legend"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(folder.names.contains("a.depth.mp4"))
    }

    @Test("the report has the contract's keys and no others")
    func reportKeys() throws {
        let (result, folder) = try run("json-report: r.json\n", ["--preset", "ultrafast"])
        #expect(result.status == 0, "\(result.errors)")
        let data = try Data(contentsOf: folder.url.appendingPathComponent("r.json"))
        let report = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(
            Set(report.keys) == [
                "version", "command", "inputs", "outputs", "framesIn", "framesOut",
                "framesSkipped", "framesDropped", "framesDamaged", "decodeErrors", "seconds", "fps",
                "realTimeFactor", "peakMemoryMB", "stages", "limitingStage", "model", "range",
                "sceneCuts", "warnings", "result", "error",
            ])
        func keys(_ value: Any?) -> Set<String> {
            Set(((value as? [String: Any]) ?? [:]).keys)
        }
        #expect(
            keys((report["inputs"] as? [Any])?.first) == [
                "path", "container", "codec", "width", "height", "frameRate", "duration",
            ])
        #expect(keys((report["outputs"] as? [Any])?.first) == ["path", "kind", "bytes"])
        #expect(
            keys(report["model"]) == [
                "name", "sha256", "precision", "inputWidth", "inputHeight",
            ])
        #expect(keys(report["range"]) == ["mode", "minimum", "maximum"])
        let stages = try #require(report["stages"] as? [String: Any])
        #expect(
            Set(stages.keys) == ["demux", "decode", "depth", "render", "encode", "mux"])
        for (_, stage) in stages {
            #expect(
                keys(stage) == ["items", "busySeconds", "p50Ms", "p95Ms", "queueMean"])
        }
        #expect(report["result"] as? String == "finished")
        #expect(report["framesIn"] as? Int == 2)
        #expect(report["error"] is NSNull)
    }

    @Test("a report is written of a run that failed, too, with its error")
    func failedReport() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.mp4", Data("no video".utf8))
        let result = try Program.run(
            "fathom", ["run", "a.mp4", "--json-report", "r.json"], in: folder.url)
        #expect(result.status == 1)
        let data = try Data(contentsOf: folder.url.appendingPathComponent("r.json"))
        let report = try JSONDecoder().decode(RunReport.self, from: data)
        #expect(report.result == .failed)
        #expect(report.error?.contains("a.mp4") == true)
        #expect(folder.names == ["a.mp4", "r.json"])
    }

    @Test("completions are generated and know the options", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let result = try Program.run("fathom", ["--generate-completion-script", shell])
        #expect(result.status == 0)
        for word in ["doctor", "colormap", "frames-scale", "json-report"] {
            #expect(result.text.contains(word))
        }
        if shell == "bash" {
            let folder = try TemporaryFolder()
            try folder.write("fathom.bash", result.output)
            #expect(try Program.run("/bin/bash", ["-n", folder.path("fathom.bash")]).status == 0)
        }
    }

    @Test("the manual names every command and every option")
    func manual() throws {
        let path = Program.packageRoot.appendingPathComponent("Docs/fathom.1")
        let manual = try String(contentsOf: path, encoding: .utf8)
        func escaped(_ text: String) -> String { text.replacingOccurrences(of: "-", with: "\\-") }
        for command in try CommandDescription.ofProgram().all
        where !["fathom", "help"].contains(command.commandName) {
            #expect(manual.contains(" \(escaped(command.commandName))\n"), "\(command.commandName)")
            for name in (command.arguments ?? []).flatMap(\.longNames) where name != "help" {
                #expect(
                    manual.contains("\\fB\(escaped("--" + name))\\fR"),
                    "\(command.commandName) \(name)")
            }
        }
    }

    @Test("help of every command says what it is for")
    func help() throws {
        let names = try CommandDescription.ofProgram().subcommands ?? []
        for command in names where command.commandName != "help" {
            let result = try Program.run("fathom", [command.commandName, "--help"])
            #expect(result.status == 0)
            #expect(result.text.contains("OVERVIEW: "))
        }
        let version = try Program.run("fathom", ["--version"])
        #expect(version.text == FathomVersion.current + "\n")
    }
}
