/// The name among `candidates` that a person most likely meant by `word`; `nil` when none is near.
public func nearestName(to word: String, among candidates: [String]) -> String? {
    let wanted = Array(word.lowercased().utf8.prefix(64))
    let limit = max(1, wanted.count / 3)
    return candidates.map { ($0, editDistance(wanted, Array($0.lowercased().utf8))) }
        .filter { $0.1 <= limit }
        .min { $0.1 < $1.1 }?.0
}

/// Levenshtein's distance: insertions, deletions and replacements that turn one word into the other.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var previous = Array(0...b.count)
    for (row, letter) in a.enumerated() {
        var current = [row + 1]
        for (column, other) in b.enumerated() {
            current.append(
                min(
                    previous[column] + (letter == other ? 0 : 1), previous[column + 1] + 1,
                    current[column] + 1))
        }
        previous = current
    }
    return previous[b.count]
}
