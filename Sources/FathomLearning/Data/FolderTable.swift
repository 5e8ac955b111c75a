import FathomCore
import Foundation

/// The rows of a CSV (RFC 4180, with a header) or JSON Lines file, as texts by column.
struct FolderTable {
    /// One row and where it stands.
    struct Row: Sendable {
        let line: Int
        let values: [String: String]
    }

    let rows: [Row]
    /// Columns of all rows together.
    let columns: Set<String>

    /// The largest file that is read.
    private static let largestFile = 1 << 28

    /// Reads a file; `.jsonl` and `.json` are JSON Lines, everything else is CSV.
    init(_ path: String) throws(FathomError) {
        let bytes = try FileBytes.read(path, limit: Self.largestFile)
        let text = String(decoding: bytes, as: UTF8.self)
        let isLines = path.hasSuffix(".jsonl") || path.hasSuffix(".json")
        rows = isLines ? try Self.lines(text, path) : try Self.table(text, path)
        columns = rows.reduce(into: []) { $0.formUnion($1.values.keys) }
        guard !rows.isEmpty else {
            throw Self.failure(path, "it has no rows", "Give a row with rgb and depth a picture")
        }
    }

    static func failure(_ path: String, _ cause: String, _ remedy: String) -> FathomError {
        FathomError(
            operation: "read", subject: "the data set \(path)", cause: cause, remedy: remedy)
    }

    private static func lines(_ text: String, _ path: String) throws(FathomError) -> [Row] {
        var rows: [Row] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let content = line.trimmingCharacters(in: .whitespaces)
            if content.isEmpty { continue }
            let object = try? JSONSerialization.jsonObject(with: Data(content.utf8))
            guard let object = object as? [String: Any] else {
                throw failure(
                    path, "line \(number + 1) is no JSON object", "Write one object a line")
            }
            rows.append(Row(line: number + 1, values: object.compactMapValues(Self.text)))
        }
        return rows
    }

    /// A JSON value as CSV would have it; lists are parted by blanks.
    private static func text(_ value: Any) -> String? {
        switch value {
        case let text as String: text
        case let number as NSNumber: "\(number)"
        case let list as [Any]: list.compactMap(Self.text).joined(separator: " ")
        default: nil
        }
    }

    private static func table(_ text: String, _ path: String) throws(FathomError) -> [Row] {
        let lines = try fields(text, path)
        guard let header = lines.first?.fields.map({ $0.trimmingCharacters(in: .whitespaces) })
        else { return [] }
        var rows: [Row] = []
        for (line, fields) in lines.dropFirst() {
            guard fields.count == header.count else {
                throw failure(
                    path,
                    "line \(line) has \(fields.count) fields where the header has \(header.count)",
                    "Give each row every field; put texts with commas between quotes")
            }
            let pairs = zip(header, fields).filter { !$0.1.isEmpty }
            rows.append(Row(line: line, values: Dictionary(pairs) { first, _ in first }))
        }
        return rows
    }

    private static func fields(
        _ text: String, _ path: String
    ) throws(FathomError) -> [(line: Int, fields: [String])] {
        var result: [(Int, [String])] = []
        var (row, field): ([String], String) = ([], "")
        var (isQuoted, wasQuoted, line, start) = (false, false, 1, 1)
        func endRow() {
            row.append(field)
            if row.count > 1 || !row[0].isEmpty { result.append((start, row)) }
            (row, field, wasQuoted) = ([], "", false)
        }
        for character in text {
            if character.isNewline { line += 1 }
            switch character {
            case "\"":
                // A quote within quotes is written twice.
                if !isQuoted, wasQuoted { field.append(character) }
                isQuoted.toggle()
                wasQuoted = true
            case "," where !isQuoted:
                row.append(field)
                (field, wasQuoted) = ("", false)
            case _ where character.isNewline && !isQuoted:
                endRow()
                start = line
            case "\u{feff}": break
            default: field.append(character)
            }
        }
        guard !isQuoted else {
            throw failure(path, "a quote in line \(start) has no end", "Close it")
        }
        endRow()
        return result
    }
}
