import FathomCore
import Glibc

/// Where media comes from.
public enum MediaInput: Hashable, Sendable {
    /// A file, or an address that FFmpeg opens ("rtsp://…").
    case file(String)
    /// A stream of bytes on standard input.
    case standardInput
    /// Pictures in order of showing, each shown for the same time; `name` is what the person wrote.
    case pictures([String], name: String)

    /// Extensions that make a file in a folder a picture of a sequence.
    static let pictureExtensions: Set<String> = [
        "jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "pgm", "ppm", "pnm", "exr", "dpx",
        "tga", "jp2", "hdr",
    ]

    /// What a person means by an argument: "-" is standard input, a folder means the pictures in it in natural
    /// order (`frame9` before `frame10`), and a name with `%d` or `%06d` the pictures that match it, by number.
    ///
    /// Throws when there is nothing there, or nothing that could be media.
    public static func resolve(_ argument: String) throws(FathomError) -> MediaInput {
        if argument == "-" { return .standardInput }
        if argument.contains("://") { return .file(argument) }
        var status = stat()
        guard stat(argument, &status) == 0 else {
            if errno == ENOENT, argument.contains("%") { return try resolvePattern(argument) }
            let isMissing = errno == ENOENT
            throw FathomError(
                operation: "open", subject: argument,
                cause: isMissing ? "there is no such file" : String(cString: strerror(errno)),
                remedy: isMissing ? "Check the name and the folder" : "Check its permissions")
        }
        if status.st_mode & S_IFMT == S_IFDIR { return try resolveFolder(argument) }
        guard access(argument, R_OK) == 0 else {
            throw FathomError(
                operation: "open", subject: argument, cause: String(cString: strerror(errno)),
                remedy: "Check its permissions")
        }
        guard status.st_mode & S_IFMT != S_IFREG || status.st_size > 0 else {
            throw FathomError(
                operation: "open", subject: argument, cause: "the file is empty",
                remedy: "Copy or record it again")
        }
        return .file(argument)
    }

    /// The name to show for this input.
    public var name: String {
        switch self {
        case .file(let path): path
        case .standardInput: "-"
        case .pictures(_, let name): name
        }
    }

    private static func resolveFolder(_ folder: String) throws(FathomError) -> MediaInput {
        let pictures = try fileNames(in: folder).filter { name in
            guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return false }
            return pictureExtensions.contains(name[name.index(after: dot)...].lowercased())
        }.sorted(by: NaturalOrder.isBefore)
        guard !pictures.isEmpty else {
            throw FathomError(
                operation: "open", subject: folder, cause: "it is a folder without pictures",
                remedy: "Name a video file, or a folder of JPEG or PNG pictures")
        }
        return .pictures(pictures.map { joined(folder, $0) }, name: folder)
    }

    /// Lists the files that `%d` or `%0Nd` in the last part of a path stands for, by rising number.
    private static func resolvePattern(_ pattern: String) throws(FathomError) -> MediaInput {
        let slash = pattern.lastIndex(of: "/")
        let folder = slash.map { String(pattern[..<$0]) } ?? "."
        let name = slash.map { String(pattern[pattern.index(after: $0)...]) } ?? pattern
        guard let field = NumberField(in: name) else {
            throw FathomError(
                operation: "open", subject: pattern, cause: "there is no such file",
                remedy: "Check the name and the folder")
        }
        let matches = try fileNames(in: folder.isEmpty ? "/" : folder).compactMap { file in
            field.number(in: file).map { (number: $0, file: file) }
        }.sorted { $0.number < $1.number }
        guard !matches.isEmpty else {
            throw FathomError(
                operation: "open", subject: pattern, cause: "no file matches this pattern",
                remedy: "Check the folder and the number of digits")
        }
        return .pictures(matches.map { joined(folder, $0.file) }, name: pattern)
    }

    private static func joined(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    private static func fileNames(in folder: String) throws(FathomError) -> [String] {
        guard let handle = opendir(folder) else {
            throw FathomError(
                operation: "open", subject: folder, cause: String(cString: strerror(errno)),
                remedy: "Check the name and its permissions")
        }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}

/// The one `%d` or `%0Nd` of a file name pattern.
struct NumberField {
    private let prefix: String
    private let suffix: String
    private let digits: Int?

    init?(in pattern: String) {
        guard let percent = pattern.firstIndex(of: "%") else { return nil }
        prefix = String(pattern[..<percent])
        var rest = pattern[pattern.index(after: percent)...]
        let count = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(count.count)
        guard rest.first == "d", count.isEmpty || count.first == "0" else { return nil }
        suffix = String(rest.dropFirst())
        digits = Int(count)
        guard !suffix.contains("%") else { return nil }
    }

    /// The number that stands in the field's place; nil when the name doesn't match.
    func number(in name: String) -> Int? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix),
            name.count > prefix.count + suffix.count
        else { return nil }
        let text = name.dropFirst(prefix.count).dropLast(suffix.count)
        guard text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        // As printf writes it: padded to the width, longer only without a leading zero.
        if let digits {
            guard text.count == digits || (text.count > digits && text.first != "0") else {
                return nil
            }
        } else if text.count > 1, text.first == "0" {
            return nil
        }
        return Int(text)
    }
}

/// Order of names as a person expects it: runs of digits compare as numbers.
enum NaturalOrder {
    static func isBefore(_ left: String, _ right: String) -> Bool {
        let a = pieces(left)
        let b = pieces(right)
        for (x, y) in zip(a, b) where x != y {
            if let m = x.number, let n = y.number, m != n { return m < n }
            return x.text < y.text
        }
        return a.count < b.count
    }

    private struct Piece: Equatable {
        var text: String
        var number: UInt64?
    }

    private static func pieces(_ name: String) -> [Piece] {
        var result: [Piece] = []
        var rest = Substring(name)
        while let first = rest.first {
            let isDigit = first.isASCII && first.isNumber
            let run = rest.prefix { ($0.isASCII && $0.isNumber) == isDigit }
            result.append(Piece(text: String(run), number: isDigit ? UInt64(run) : nil))
            rest = rest.dropFirst(run.count)
        }
        return result
    }
}
