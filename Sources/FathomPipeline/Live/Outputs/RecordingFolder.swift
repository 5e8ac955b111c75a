import FathomCore
import Foundation

/// The folder of one source's recordings: names, what a crash left, and the limit of its size.
///
/// `20261123T091500Z-0-original.mkv` and `…-depth.mkv` begin at that moment (UTC), `0` is the source's number. A file
/// that is being written is called `….partial.mkv`; it is playable, too. `segments.jsonl` has a line for each pair.
final class RecordingFolder: Sendable {
    /// What a file of a segment shows.
    enum Part: String, CaseIterable {
        case original
        case depth
    }

    let path: String
    private let source: Int
    /// Holds the lock for as long as this lives.
    private let lock: Int32

    /// Makes the folder if its parent exists, takes it for this source, and gives back their names to files that a
    /// crash left unfinished.
    init(_ path: String, source: Int) throws(FathomError) {
        self.path = path
        self.source = source
        if mkdir(path, 0o777) != 0, errno != EEXIST {
            throw FileSink.error("make the folder", path, errno)
        }
        let lockPath = "\(path)/.source-\(source).lock"
        lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard lock >= 0 else { throw FileSink.error("record into", path, errno) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw FathomError(
                operation: "record into", subject: path,
                cause: "another fathom records there at this moment",
                remedy: "Choose another folder with --record")
        }
        recover()
    }

    deinit { close(lock) }

    /// A name for a segment that begins at a moment, which no other segment has.
    func newName(at seconds: Double) -> String {
        let base = "\(Self.stamp(seconds))-\(source)"
        for letter in [""] + "bcdefghijklmnopqrstuvwxyz".map(String.init) {
            let name = base + letter
            let isTaken = Part.allCases.contains { part in
                exists(final(name, part)) || exists(partial(name, part))
            }
            if !isTaken { return name }
        }
        return newName(at: seconds + 1)
    }

    func final(_ name: String, _ part: Part) -> String { "\(path)/\(name)-\(part.rawValue).mkv" }

    func partial(_ name: String, _ part: Part) -> String {
        "\(path)/\(name)-\(part.rawValue).partial.mkv"
    }

    /// Gives a finished file its name; removes it when nothing was written.
    ///
    /// - Returns: the file's name, `nil` when there is none.
    func publish(_ name: String, _ part: Part) -> String? {
        let from = partial(name, part)
        guard size(of: from) > 0 else {
            unlink(from)
            return nil
        }
        let to = final(name, part)
        return rename(from, to) == 0 ? (to as NSString).lastPathComponent : nil
    }

    /// Adds a line to `segments.jsonl`, in one piece: several sources write there.
    func note(_ line: String) {
        let file = open("\(path)/segments.jsonl", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard file >= 0 else { return }
        let bytes = Array((line + "\n").utf8)
        // A disk that is full costs the line; the recordings say the same by their names.
        _ = write(file, bytes, bytes.count)
        close(file)
    }

    /// Deletes the oldest finished segments, of all sources, until what is left is within the limit; the newest stays.
    func keep(within limit: Int64) {
        let names = recordings().sorted()
        var total = names.reduce(Int64(0)) { $0 + size(of: "\(path)/\($1)") }
        let finished = names.filter { !$0.contains(".partial.") }
        guard let newest = finished.last.map(Self.moment) else { return }
        for name in finished where total > limit && Self.moment(name) != newest {
            let bytes = size(of: "\(path)/\(name)")
            if unlink("\(path)/\(name)") == 0 { total -= bytes }
        }
    }

    /// Bytes that can still be written to the disk.
    var freeBytes: Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return .max }
        return Int64(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(
                by: UInt64(status.f_frsize)
            ).partialValue)
    }

    func size(of path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    // MARK: Names

    /// Files that a recorder wrote: nothing else in the folder is ever touched.
    private func recordings() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter(Self.isOurs)
    }

    /// Whether a name is one that a recorder gives: `20261123T091500Z-0-original.mkv`.
    static func isOurs(_ name: String) -> Bool {
        name.wholeMatch(
            of: /[0-9]{8}T[0-9]{6}Z-[0-9]+[a-z]?-(original|depth)(\.partial)?\.mkv/) != nil
    }

    private static func moment(_ name: String) -> Substring { name.prefix { $0 != "-" } }

    private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// What a crash left under a passing name is playable: it gets its own.
    private func recover() {
        for name in recordings() where name.contains(".partial.") && isOfSource(name) {
            let final = name.replacing(".partial.", with: ".")
            if size(of: "\(path)/\(name)") == 0 {
                unlink("\(path)/\(name)")
            } else if rename("\(path)/\(name)", "\(path)/\(final)") == 0 {
                note("{\"recovered\":\"\(final)\",\"source\":\(source)}")
            }
        }
    }

    private func isOfSource(_ name: String) -> Bool {
        let parts = name.split(separator: "-")
        return parts.count == 3 && parts[1].prefix { $0.isNumber } == "\(source)"
    }

    /// `20261123T091500Z`.
    static func stamp(_ seconds: Double) -> String {
        var time = time_t(seconds.isFinite ? min(max(seconds, 0), 253_402_300_799) : 0)
        var parts = tm()
        gmtime_r(&time, &parts)
        func digits(_ value: Int32, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return digits(parts.tm_year + 1900, 4) + digits(parts.tm_mon + 1, 2)
            + digits(parts.tm_mday, 2) + "T" + digits(parts.tm_hour, 2)
            + digits(parts.tm_min, 2) + digits(parts.tm_sec, 2) + "Z"
    }
}
