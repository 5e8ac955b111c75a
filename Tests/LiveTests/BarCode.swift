import FathomCore

/// The bar codes that `Tests/LiveParts/pattern.py` draws across the bottom of its pictures.
struct BarCode {
    /// The lowest row: the frame's number, from 0.
    var number: Int?
    /// The row above: milliseconds since midnight UTC when the picture was made.
    var clock: Int?

    private static let cells = 32
    private static let bits = 28

    /// Reads a picture whose left `width` columns are the pattern; luma, row by row.
    init(_ luma: UnsafeBufferPointer<UInt8>, stride: Int, width: Int, height: Int) {
        let rows = max(16, height / 15 / 2 * 2)
        func value(_ middle: Int) -> Int? {
            var cells: [Bool] = []
            for cell in 0..<Self.cells {
                let center = (2 * cell + 1) * width / (2 * Self.cells)
                // Nine samples around the middle: noise of the coding is averaged out.
                var sum = 0
                for row in middle - 1...middle + 1 {
                    for column in center - 1...center + 1 {
                        sum += Int(luma[row * stride + column])
                    }
                }
                cells.append(sum > 9 * 128)
            }
            guard cells[0], !cells[1] else { return nil }
            let data = cells[2..<2 + Self.bits]
            let ones = data.count { $0 }
            let check = (cells[30] ? 2 : 0) + (cells[31] ? 1 : 0)
            guard ones & 3 == check else { return nil }
            return data.reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
        }
        guard rows * 2 < height, width >= 3 * Self.cells else { return }
        number = value(height - rows / 2)
        clock = value(height - rows - rows / 2)
    }
}

/// What the numbers in a row of pictures say about them.
struct FrameNumbers: CustomStringConvertible {
    /// Numbers in the order of the pictures; `nil` where none could be read.
    var all: [Int?]
    /// Numbers that should be between the first and the last, and aren't.
    var lost: Int
    /// Pictures that were there before.
    var doubled: Int
    /// Pictures that come after one with a higher number.
    var reordered: Int

    init(_ numbers: [Int?]) {
        all = numbers
        let read = numbers.compactMap { $0 }
        let distinct = Set(read)
        doubled = read.count - distinct.count
        reordered = zip(read, read.dropFirst()).count { $1 < $0 }
        lost = (distinct.max() ?? 0) - (distinct.min() ?? 0) + 1 - distinct.count
        if read.isEmpty { lost = 0 }
    }

    /// Without the pictures before the first that shows the pattern: a screen is dark at first.
    var sinceFirstRead: FrameNumbers { FrameNumbers(Array(all.drop { $0 == nil })) }

    var unreadable: Int { all.count { $0 == nil } }
    var first: Int? { all.first ?? nil }
    var last: Int? { all.last ?? nil }
    var count: Int { all.count }
    /// Every number from the first to the last, once, in order.
    var isWhole: Bool { !all.isEmpty && unreadable + lost + doubled + reordered == 0 }

    var description: String {
        "\(count) pictures, \(first.map(String.init) ?? "?") to \(last.map(String.init) ?? "?"):"
            + " \(lost) lost, \(doubled) doubled, \(reordered) reordered, \(unreadable) unreadable"
    }
}
