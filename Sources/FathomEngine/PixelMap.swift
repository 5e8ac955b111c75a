import FathomCore
import FathomGraph

/// Where the pixels of a picture are found in another one: row and column of each, −1 where it is filled.
///
/// Padding, cropping, repetition and nearest-neighbour interpolation are all of this kind, and one after the other
/// is again one.
struct PixelMap: Hashable, Sendable {
    /// For each row the row of the source.
    var rows: [Int32]
    /// For each column the column of the source.
    var columns: [Int32]
    /// What stands where there is no source.
    var fill: Float = 0

    /// The map of a picture onto itself.
    static func identity(rows: Int, columns: Int) -> PixelMap {
        PixelMap(rows: (0..<Int32(rows)).map { $0 }, columns: (0..<Int32(columns)).map { $0 })
    }

    /// Whether a picture of so many rows and columns stays as it is.
    func isIdentity(rows height: Int, columns width: Int) -> Bool {
        self == PixelMap.identity(rows: height, columns: width)
            || {
                var unfilled = self
                unfilled.fill = 0
                return unfilled == PixelMap.identity(rows: height, columns: width)
            }()
    }

    private var fills: Bool { rows.contains { $0 < 0 } || columns.contains { $0 < 0 } }

    /// This map applied to what `inner` gives; nil where the two fill with different numbers.
    func after(_ inner: PixelMap) -> PixelMap? {
        if fills, inner.fills, fill != inner.fill { return nil }
        return PixelMap(
            rows: rows.map { $0 < 0 ? -1 : inner.rows[Int($0)] },
            columns: columns.map { $0 < 0 ? -1 : inner.columns[Int($0)] },
            fill: fills ? fill : inner.fill)
    }

    /// The longest run of columns that are neighbours in the source too.
    var run: Range<Int> {
        var best = 0..<0
        var first = 0
        for column in columns.indices {
            let continues =
                column > first && columns[column - 1] >= 0
                && columns[column] == columns[column - 1] + 1
            if !continues { first = column }
            if columns[column] >= 0, column + 1 - first > best.count { best = first..<column + 1 }
        }
        return best
    }
}

extension PixelMap {
    /// What a node does to the rows and columns of an N×C×H×W picture; nil if it is not of this kind.
    init?(_ operands: Operands<Fact>) throws(FathomError) {
        guard let input = operands.optional(0), input.type == .float, input.shape.rank == 4,
            input.constant == nil, input.shape.count > 0
        else { return nil }
        let shape = input.shape
        switch operands.node.operation {
        case "Resize", "Upsample":
            let resize = try Resize(operands)
            let tables = resize.tables
            guard resize.isWeightedSum, tables[0].isIdentity, tables[1].isIdentity,
                tables[2].taps == 1, tables[3].taps == 1
            else { return nil }
            self.init(rows: tables[2].positions, columns: tables[3].positions)
        case "Pad":
            let padding = try Padding(operands)
            guard padding.shape.count > 0, let fill = padding.fill,
                padding.sources[0] == Array(0..<shape[0]),
                padding.sources[1] == Array(0..<shape[1])
            else { return nil }
            self.init(
                rows: padding.sources[2].map { Int32($0 ?? -1) },
                columns: padding.sources[3].map { Int32($0 ?? -1) }, fill: fill)
        case "Expand":
            guard let wanted = operands.optional(1)?.constant?.integerValues, wanted.count == 4,
                wanted[0] == 1 || wanted[0] == shape[0], wanted[1] == 1 || wanted[1] == shape[1],
                wanted.allSatisfy({ $0 > 0 && $0 <= Shape.largestCount })
            else { return nil }
            func repeated(_ length: Int, _ wanted: Int) -> [Int32]? {
                guard length == wanted || wanted == 1 || length == 1 else { return nil }
                return (0..<max(Int32(length), Int32(wanted))).map { length == 1 ? 0 : $0 }
            }
            guard let rows = repeated(shape[2], wanted[2]),
                let columns = repeated(shape[3], wanted[3])
            else { return nil }
            self.init(rows: rows, columns: columns)
        default: return nil
        }
    }
}
