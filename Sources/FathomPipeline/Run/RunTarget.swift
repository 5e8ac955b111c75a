import FathomCore
import FathomMedia
import Foundation

/// One input with the places of its outputs.
public struct RunTarget: Hashable, Sendable {
    /// What is read.
    public var input: MediaInput
    /// The depth video; `nil` when only data is wanted.
    public var video: String?
    /// The folder of depth frames; `nil` without `--frames`.
    public var framesFolder: String?
    /// The frame dump; `nil` without `--dump`.
    public var dump: String?

    private static let recordingExtensions: Set<String> = [
        "mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "ts", "mts", "m2ts", "mpg", "mpeg",
        "vob", "wmv", "flv", "3gp", "ogv", "mxf", "nut", "h264", "264", "hevc", "265", "y4m",
        "mjpeg", "gif",
    ]
    private static let stillExtensions: Set<String> = [
        "jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "heic", "heif", "avif",
    ]
    /// Containers that Fathom writes: an output takes its input's, others become MP4.
    private static let keptExtensions: Set<String> = ["mp4", "m4v", "mov", "mkv", "webm"]

    /// What a person's arguments mean: every input with its outputs, or why that can't be.
    public static func plan(
        inputs arguments: [String], configuration: RunConfiguration
    ) throws(FathomError) -> [RunTarget] {
        guard !arguments.isEmpty else {
            throw FathomError(
                .usage, operation: "run", subject: "without an input", cause: "none was named",
                remedy: "Name a recording, such as: fathom run drive.mp4")
        }
        var inputs: [MediaInput] = []
        var isBatch = arguments.count > 1
        for argument in arguments {
            if let recordings = recordings(in: argument) {
                isBatch = true
                for path in recordings { inputs.append(try MediaInput.resolve(path)) }
            } else {
                inputs.append(try MediaInput.resolve(argument))
            }
        }
        let folder = try outputFolder(isBatch: isBatch, configuration: configuration)
        var taken: Set<String> = []
        var targets: [RunTarget] = []
        for input in inputs {
            let target = try place(input, folder: folder, isBatch: isBatch, configuration)
            for path in [target.video, target.framesFolder, target.dump].compactMap({ $0 })
            where path != "-" && !taken.insert(path).inserted {
                throw FathomError(
                    .usage, operation: "write", subject: path,
                    cause: "two inputs would have this output",
                    remedy: "Give one of them another name, or run them one by one")
            }
            targets.append(target)
        }
        return targets
    }

    /// The recordings of a folder, in natural order; `nil` when it isn't a folder of recordings.
    private static func recordings(in argument: String) -> [String]? {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: argument, isDirectory: &isFolder),
            isFolder.boolValue,
            let names = try? FileManager.default.contentsOfDirectory(atPath: argument)
        else { return nil }
        let found = names.filter { name in
            !name.hasPrefix(".") && !name.contains(".partial.") && !name.contains(".depth.")
                && recordingExtensions.contains(extensionOf(name))
        }
        guard !found.isEmpty else { return nil }
        return found.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
            .map { (argument as NSString).appendingPathComponent($0) }
    }

    /// The folder that outputs go into; `nil` when `-o` names a file or nothing.
    private static func outputFolder(
        isBatch: Bool, configuration: RunConfiguration
    ) throws(FathomError) -> String? {
        guard let output = configuration.output, output != "-" else { return nil }
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: output, isDirectory: &isFolder)
        if exists && isFolder.boolValue { return output }
        guard isBatch else { return output.hasSuffix("/") ? try makeFolder(output) : nil }
        guard !exists else {
            throw FathomError(
                .usage, operation: "write", subject: output,
                cause: "several inputs need a folder, and this is a file",
                remedy: "Name a folder with -o")
        }
        return try makeFolder(output)
    }

    private static func makeFolder(_ path: String) throws(FathomError) -> String {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false)
        } catch {
            throw FathomError(
                operation: "make", subject: "the folder \(path)",
                cause: (error as NSError).localizedFailureReason ?? error.localizedDescription,
                remedy: "Make its parent first, or choose another place with -o")
        }
        return path
    }

    private static func place(
        _ input: MediaInput, folder: String?, isBatch: Bool, _ configuration: RunConfiguration
    ) throws(FathomError) -> RunTarget {
        let stem: String
        let suffix: String
        switch input {
        case .file(let path):
            let own = extensionOf(path)
            stem = (path as NSString).deletingPathExtension
            suffix =
                keptExtensions.contains(own) ? own : stillExtensions.contains(own) ? "png" : "mp4"
        case .pictures(_, let name):
            let parts = name.split(separator: "/").filter { $0 != "." && !$0.contains("%") }
            let parent = (name as NSString).deletingLastPathComponent
            stem =
                name.contains("%")
                ? parent.isEmpty ? "sequence" : parent
                : parts.isEmpty ? "sequence" : String(name.trimmingSuffix("/"))
            suffix = "mp4"
        case .standardInput:
            guard !(configuration.wantsVideo && configuration.output == nil), folder == nil,
                configuration.frames == nil || configuration.framesDir != nil
                    || configuration.output != nil
            else {
                throw FathomError(
                    .usage, operation: "name", subject: "the output of standard input",
                    cause: "there is no file name to take it from",
                    remedy: "Name it with -o FILE, or --frames-dir DIR")
            }
            stem = "stdin"
            suffix = "mkv"
        }
        let base =
            folder.map {
                ($0 as NSString).appendingPathComponent((stem as NSString).lastPathComponent)
            } ?? stem
        var target = RunTarget(input: input)
        let named = folder == nil ? configuration.output : nil
        if configuration.wantsVideo { target.video = named ?? "\(base).depth.\(suffix)" }
        if configuration.frames != nil {
            let own = named.flatMap { $0 == "-" ? nil : ($0 as NSString).deletingPathExtension }
            let folder = configuration.framesDir
            target.framesFolder =
                isBatch && folder != nil
                ? ((folder ?? "") as NSString).appendingPathComponent(
                    (stem as NSString).lastPathComponent)
                : folder ?? "\(own ?? "\(base).depth").frames"
        }
        target.dump = configuration.dump
        return target
    }

    private static func extensionOf(_ path: String) -> String {
        (path as NSString).pathExtension.lowercased()
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> Substring {
        var text = self[...]
        while text.count > 1, text.last == character { text.removeLast() }
        return text
    }
}
