import FathomCore
import FathomDepth

/// Learns by what members' predictions are multiplied so that their sum comes closest to the truth.
///
/// Least squares over the pixels of all pictures, without negative weights: a member whose weight would be negative is left
/// out and the rest solved again. Relative predictions are divided by their means over the picture, as in the joined graph,
/// and the truth's inverse depth is brought to each picture's scale and shift first.
struct FusionWeights {
    private let members: Int
    private let kind: DepthKind
    /// Sums of products of members, 1, and the target.
    private var products: [[Double]]

    init(members: Int, kind: DepthKind) {
        self.members = members
        self.kind = kind
        products = [[Double]](
            repeating: [Double](repeating: 0, count: members + 2), count: members + 2)
    }

    /// Adds a picture: one prediction a member, and the truth in metres (H×W, 0 = unknown).
    mutating func add(_ predictions: [DepthPrediction], truth: Tensor) {
        let (height, width) = (predictions[0].height, predictions[0].width)
        let maps = predictions.map { prediction -> [Double] in
            let values = prediction.values.map(Double.init)
            guard kind != .metres else { return values }
            let mean = values.reduce(0, +) / Double(values.count)
            return values.map { $0 / max(mean, 1e-6) }
        }
        var rows: [[Double]] = []
        var targets: [Double] = []
        truth.withUnsafeBuffer { truths in
            for y in 0..<height {
                let row = min(
                    Int((Double(y) + 0.5) * Double(truth.shape[0]) / Double(height)),
                    truth.shape[0] - 1)
                for x in 0..<width {
                    let column = min(
                        Int((Double(x) + 0.5) * Double(truth.shape[1]) / Double(width)),
                        truth.shape[1] - 1)
                    let value = Double(truths[row * truth.shape[1] + column])
                    guard value > 1e-3, value < 1000 else { continue }
                    rows.append(maps.map { $0[y * width + x] })
                    targets.append(kind == .inverseDepth ? 1 / value : value)
                }
            }
        }
        guard targets.count > members else { return }
        if kind != .metres {
            var fit = LeastSquaresFit()
            fit.add(
                predictions: targets,
                targets: rows.map { $0.reduce(0, +) / Double(members) })
            targets = targets.map { fit.scale * $0 + fit.shift }
        }
        let share = 1 / Double(targets.count)
        for (row, target) in zip(rows, targets) {
            let all = row + [1, target]
            for i in all.indices {
                for j in all.indices { products[i][j] += all[i] * all[j] * share }
            }
        }
    }

    /// The weights and what is added; nil where the data doesn't decide them.
    func solved() -> (members: [Double], shift: Double)? {
        var used = Array(0...members)
        while used.count > 1 {
            guard let solution = solve(used) else { return nil }
            let negative = zip(used, solution).filter { $0.0 < members && $0.1 < 0 }
            guard let worst = negative.min(by: { $0.1 < $1.1 })?.0 else {
                var weights = [Double](repeating: 0, count: members + 1)
                for (index, value) in zip(used, solution) { weights[index] = value }
                return (Array(weights[..<members]), weights[members])
            }
            used.removeAll { $0 == worst }
        }
        return nil
    }

    /// The normal equations of some unknowns, by elimination with pivots; nil where they are singular.
    private func solve(_ used: [Int]) -> [Double]? {
        var matrix = used.map { row in used.map { products[row][$0] } + [products[row][members + 1]]
        }
        let count = used.count
        for column in 0..<count {
            // A little ridge: two members that agree everywhere share the weight.
            matrix[column][column] += 1e-9
        }
        for column in 0..<count {
            let pivot = (column..<count).max { abs(matrix[$0][column]) < abs(matrix[$1][column]) }
            guard let pivot, abs(matrix[pivot][column]) > 1e-14 else { return nil }
            matrix.swapAt(column, pivot)
            for row in 0..<count where row != column {
                let factor = matrix[row][column] / matrix[column][column]
                for place in column...count { matrix[row][place] -= factor * matrix[column][place] }
            }
        }
        return (0..<count).map { matrix[$0][count] / matrix[$0][$0] }
    }
}
