import FathomCore
import Foundation

/// The commit of the repository that a folder lies in, read from git's own files.
enum GitRevision {
    /// The revision's forty digits; nil outside a repository.
    static func read(from folder: String) -> String? {
        var place = URL(fileURLWithPath: folder).standardizedFileURL
        while true {
            let git = place.appendingPathComponent(".git")
            if let revision = revision(git.path) { return revision }
            guard place.path != "/" else { return nil }
            place = place.deletingLastPathComponent()
        }
    }

    private static func revision(_ git: String) -> String? {
        guard let head = text("\(git)/HEAD") else { return nil }
        guard head.hasPrefix("ref: ") else { return digits(head) }
        let name = String(head.dropFirst(5))
        // A name from a file: it must stay within git's folder.
        guard !name.contains("..") else { return nil }
        if let revision = text("\(git)/\(name)") { return digits(revision) }
        let packed = text("\(git)/packed-refs") ?? ""
        let line = packed.split(separator: "\n").first { $0.hasSuffix(" \(name)") }
        return line.flatMap { digits(String($0.prefix(40))) }
    }

    private static func digits(_ text: String) -> String? {
        text.count >= 40 && text.allSatisfy(\.isHexDigit) ? text : nil
    }

    private static func text(_ path: String) -> String? {
        guard let bytes = try? FileBytes.read(path, limit: 1 << 24) else { return nil }
        return String(decoding: bytes, as: UTF8.self).trimmingCharacters(
            in: .whitespacesAndNewlines)
    }
}
