import FathomCore

/// What a `GridSample` node computes: pictures or volumes read at the places that a grid names.
///
/// ONNX operator `GridSample` (16, 20, 22). The grid holds x, y (and z) from −1 to 1; its last axis counts them.
struct GridSample {
    let shape: Shape
    private enum Mode { case nearest, linear, cubic }
    private enum Outside { case zeros, border, reflection }
    private let mode: Mode
    private let outside: Outside
    private let alignsCorners: Bool
    /// Lengths of the input's spatial axes.
    private let lengths: [Int]

    init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let (input, grid) = (try operands.floating(0), try operands.floating(1))
        let rank = input.rank - 2
        guard rank == 2 || rank == 3, grid.rank == input.rank, grid[0] == input[0],
            grid[grid.rank - 1] == rank
        else { throw node.error("its grid \(grid) does not fit \(input)") }
        lengths = Array(input.dimensions[2...])
        guard lengths.allSatisfy({ $0 > 0 }) else { throw node.error("\(input) is empty") }
        switch try node.string(
            "mode", default: "linear",
            allowed: ["bilinear", "linear", "nearest", "bicubic", "cubic"])
        {
        case "nearest": mode = .nearest
        case "bicubic", "cubic": mode = .cubic
        default: mode = .linear
        }
        switch try node.string(
            "padding_mode", default: "zeros", allowed: ["zeros", "border", "reflection"])
        {
        case "border": outside = .border
        case "reflection": outside = .reflection
        default: outside = .zeros
        }
        alignsCorners = try node.flag("align_corners")
        guard mode != .cubic || rank == 2 else {
            throw node.unsupported("cubic interpolation of volumes is not part of the standard")
        }
        shape = try node.shape([input[0], input[1]] + grid.dimensions[1..<grid.rank - 1])
    }

    /// An input element and how much of it is taken.
    private struct Tap {
        let position: Int
        let weight: Double
    }

    func evaluate(_ input: Tensor, _ grid: Tensor) -> Tensor {
        let (source, places) = (input.values, grid.values)
        let rank = lengths.count
        let plane = lengths.reduce(1, *)
        let outputs = shape.dimensions[2...].reduce(1, *)
        var values = [Float](repeating: 0, count: shape.count)
        for index in 0..<(shape[0] * outputs) {
            // The grid's order is x, y, z; the axes' is z, y, x.
            var sums = [Tap(position: 0, weight: 1)]
            for axis in 0..<rank {
                let coordinate = places[index * rank + rank - 1 - axis]
                let along = taps(coordinate, length: lengths[axis])
                sums = sums.flatMap { sum in
                    along.map { tap in
                        Tap(
                            position: sum.position * lengths[axis] + tap.position,
                            weight: sum.weight * tap.weight)
                    }
                }
            }
            let (image, place) = (index / outputs, index % outputs)
            for channel in 0..<shape[1] {
                let start = (image * shape[1] + channel) * plane
                let value = sums.reduce(0.0) {
                    $0 + $1.weight * Double(source[start + $1.position])
                }
                values[(image * shape[1] + channel) * outputs + place] = Float(value)
            }
        }
        return Tensor(shape: shape, values: values)
    }

    /// The gradients of picture and grid of a bilinear sampling (Jaderberg et al., "Spatial Transformer Networks", 2015);
    /// where a place is moved to the border or lies outside, the grid's is that of what was read.
    func backward(
        _ gradient: Tensor, _ input: Tensor, _ grid: Tensor
    ) throws(FathomError) -> [Tensor] {
        guard case .linear = mode, lengths.count == 2, outside != .reflection else {
            throw FathomError(
                operation: FathomError.unsupported, subject: "GridSample",
                cause: "only bilinear sampling with zeros or borders has a gradient")
        }
        let (g, source, places) = (gradient.values, input.values, grid.values)
        let (height, width) = (lengths[0], lengths[1])
        let (plane, outputs) = (height * width, shape.dimensions[2...].reduce(1, *))
        var pictures = [Double](repeating: 0, count: input.count)
        var grids = [Float](repeating: 0, count: grid.count)
        for index in 0..<(shape[0] * outputs) {
            let (x, y) = (places[index * 2], places[index * 2 + 1])
            let (across, down) = (taps(x, length: width), taps(y, length: height))
            let (slopeX, slopeY) = (slopes(x, length: width), slopes(y, length: height))
            var (sumX, sumY) = (0.0, 0.0)
            let (image, place) = (index / outputs, index % outputs)
            for channel in 0..<shape[1] {
                let start = (image * shape[1] + channel) * plane
                let value = Double(g[(image * shape[1] + channel) * outputs + place])
                for (row, rowSlope) in zip(down, slopeY) {
                    for (column, columnSlope) in zip(across, slopeX) {
                        let position = start + row.position * width + column.position
                        pictures[position] += value * row.weight * column.weight
                        let element = value * Double(source[position])
                        sumX += element * row.weight * columnSlope
                        sumY += element * rowSlope * column.weight
                    }
                }
            }
            (grids[index * 2], grids[index * 2 + 1]) = (Float(sumX), Float(sumY))
        }
        return [
            Tensor(shape: input.shape, values: pictures.map { Float($0) }),
            Tensor(shape: grid.shape, values: grids),
        ]
    }

    /// How the weights of a coordinate's two taps change with it.
    private func slopes(_ coordinate: Float, length: Int) -> [Double] {
        let scale = Double(alignsCorners ? length - 1 : length) / 2
        let last = Double(length - 1)
        let x =
            alignsCorners
            ? (Double(coordinate) + 1) / 2 * last
            : ((Double(coordinate) + 1) * Double(length) - 1) / 2
        guard x.isFinite, abs(x) < 0x1p40 else { return [0, 0] }
        if outside == .border, x < 0 || x > last { return [0, 0] }
        let first = Int(x.rounded(.down))
        return [(first, -scale), (first + 1, scale)].map { position, slope in
            outside == .border || (position >= 0 && position < length) ? slope : 0
        }
    }

    /// The input elements along an axis that a coordinate from −1 to 1 reads, all within the axis.
    private func taps(_ coordinate: Float, length: Int) -> [Tap] {
        let last = Double(length - 1)
        var x =
            alignsCorners
            ? (Double(coordinate) + 1) / 2 * last
            : ((Double(coordinate) + 1) * Double(length) - 1) / 2
        let (low, high) = alignsCorners ? (0, last) : (-0.5, last + 0.5)
        // Limited, so that no position overflows; NaN reads the first element.
        x = x.isNaN ? 0 : min(max(x, -0x1p40), 0x1p40)
        if mode == .nearest { x = x.rounded(.toNearestOrEven) }
        // Cubic interpolation reflects and limits each element's place instead, as PyTorch does.
        if mode != .cubic, x < low || x > high {
            switch outside {
            case .border: x = min(max(x, 0), last)
            case .reflection: x = Self.reflected(x, low, high)
            case .zeros: break
            }
        }
        let first = Int(x.rounded(.down))
        let fraction = x - Double(first)
        let list: [(Int, Double)] =
            switch mode {
            case .nearest: [(Int(x), 1)]
            case .linear: [(first, 1 - fraction), (first + 1, fraction)]
            case .cubic: (-1...2).map { (first + $0, Self.cubic(abs(fraction - Double($0)))) }
            }
        return list.map { position, weight in
            if position >= 0, position < length { return Tap(position: position, weight: weight) }
            switch outside {
            case .zeros: return Tap(position: 0, weight: 0)
            case .border:
                return Tap(position: min(max(position, 0), length - 1), weight: weight)
            case .reflection:
                let place = Int(Self.reflected(Double(position), low, high))
                return Tap(position: min(place, length - 1), weight: weight)
            }
        }
    }

    private static func reflected(_ x: Double, _ low: Double, _ high: Double) -> Double {
        let range = high - low
        guard range > 0, x < low || x > high else { return max(x, 0) }
        let distance = x < low ? low - x : x - high
        let turns = (distance / range).rounded(.down)
        let rest = distance - turns * range
        let isEven = turns.truncatingRemainder(dividingBy: 2) == 0
        return max((x < low) == isEven ? low + rest : high - rest, 0)
    }

    /// Keys' kernel with a = −¾ at a distance of at most 2.
    private static func cubic(_ t: Double) -> Double {
        t <= 1
            ? (1.25 * t - 2.25) * t * t + 1 : ((-0.75 * t + 3.75) * t - 6) * t + 3
    }
}

extension Operator {
    /// Sampling at given places, and the places that affine maps give.
    static let samplers: [Operator] = [
        Operator(
            "GridSample", inputs: 2...2, lowering: .reference,
            infer: { operands throws(FathomError) in [Fact(try GridSample(operands).shape)] },
            evaluate: { operands throws(FathomError) in
                let sample = try GridSample(operands.facts)
                return [.floats(sample.evaluate(try operands.tensor(0), try operands.tensor(1)))]
            }),
        Operator(
            "AffineGrid", inputs: 2...2, lowering: .reference,
            infer: { operands throws(FathomError) in
                let size = try operands.constant(1, "size").integerValues
                return [Fact(try affineShape(operands.node, operands.floating(0), size))]
            },
            evaluate: { operands throws(FathomError) in
                let node = operands.node
                let theta = try operands.tensor(0)
                let size = try operands.required(1).integerValues
                let shape = try affineShape(node, theta.shape, size)
                let alignsCorners = try node.flag("align_corners")
                let (rank, maps) = (size.count - 2, theta.values)
                let plane = size[2...].reduce(1, *)
                var values: [Float] = []
                values.reserveCapacity(shape.count)
                for index in 0..<(shape[0] * plane) {
                    var rest = index % plane
                    // x, y, z: the innermost axis first.
                    var place: [Double] = []
                    for length in size[2...].reversed() {
                        let (position, count) = (Double(rest % length), Double(length))
                        place.append(
                            alignsCorners
                                ? -1 + position * 2 / max(count - 1, 1)
                                : -1 + (2 * position + 1) / count)
                        rest /= length
                    }
                    place.append(1)
                    for row in 0..<rank {
                        let start = ((index / plane) * rank + row) * (rank + 1)
                        let sum = place.indices.reduce(0.0) {
                            $0 + Double(maps[start + $1]) * place[$1]
                        }
                        values.append(Float(sum))
                    }
                }
                return [.floats(Tensor(shape: shape, values: values))]
            }),
    ]

    private static func affineShape(
        _ node: Node, _ theta: Shape, _ size: [Int]
    ) throws(FathomError) -> Shape {
        let rank = size.count - 2
        guard rank == 2 || rank == 3, size.allSatisfy({ $0 > 0 }),
            theta.dimensions == [size[0], rank, rank + 1]
        else { throw node.error("its maps \(theta) do not fit the size \(size)") }
        return try node.shape([size[0]] + size[2...] + [rank])
    }
}
