import FathomCore

/// Where the elements of a resized axis come from: for each output, `taps` input positions and weights.
public struct ResizeTable: Hashable, Sendable {
    /// Length of the input.
    public let input: Int
    /// Length of the output.
    public let output: Int
    /// Positions for each output: 1 (nearest), 2 (linear) or 4 (cubic).
    public let taps: Int
    /// `output` × `taps` positions within the input.
    public let positions: [Int32]
    /// `output` × `taps` weights.
    public let weights: [Float]
    /// The outputs that lie outside the input and take the extrapolation value.
    let outside: Set<Int>

    /// The way back, for gradients: for each input, the outputs that it goes into and with which weights. They are
    /// neighbours, so the positions of one input are, too.
    public var transposed: ResizeTable {
        var sums = [[Int: Float]](repeating: [:], count: input)
        for index in 0..<output {
            for tap in 0..<taps where weights[index * taps + tap] != 0 {
                let position = Int(positions[index * taps + tap])
                sums[position][index, default: 0] += weights[index * taps + tap]
            }
        }
        let spans = sums.map { sum in
            (sum.keys.min() ?? 0)...max(sum.keys.max() ?? 0, sum.keys.min() ?? 0)
        }
        let most = max(spans.map(\.count).max() ?? 1, 1)
        var (places, factors): ([Int32], [Float]) = ([], [])
        for (sum, span) in zip(sums, spans) {
            let first = max(0, min(span.lowerBound, output - most))
            for place in first..<first + most {
                places.append(Int32(place))
                factors.append(sum[place] ?? 0)
            }
        }
        return ResizeTable(
            input: output, output: input, taps: most, positions: places, weights: factors,
            outside: [])
    }

    /// Whether the axis stays as it is.
    public var isIdentity: Bool {
        input == output && outside.isEmpty
            && (0..<output).allSatisfy { index in
                (0..<taps).allSatisfy { tap in
                    let weight = weights[index * taps + tap]
                    return positions[index * taps + tap] == index || weight == 0
                }
            }
    }
}

/// What a `Resize` or `Upsample` node computes, read once: a table for each axis.
///
/// ONNX operators `Resize` (10 to 19) and `Upsample` (7, 9): nearest, linear and cubic, with antialiasing.
public struct Resize: Sendable {
    /// One table an axis.
    public let tables: [ResizeTable]
    /// The output.
    public let outputShape: Shape

    /// What outputs get that lie outside the input, with `tf_crop_and_resize`.
    let extrapolation: Float

    fileprivate enum Mode { case nearest(String), linear, cubic(Double) }

    /// What a node says of the way from coordinates to weights.
    fileprivate struct Rule {
        let coordinates: String
        let mode: Mode
        let excludesOutside: Bool
        let antialiases: Bool
    }

    /// Whether every output is a weighted sum of inputs.
    public var isWeightedSum: Bool { tables.allSatisfy(\.outside.isEmpty) }

    /// Checks a node against the facts of its inputs.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0)
        let (sizes, scales) = try Self.target(operands, input.shape)
        outputShape = try node.shape(sizes)
        guard input.shape.count > 0 else { throw node.error("its input has no elements") }
        // Before operator set 11 there was only one rule for coordinates.
        let isOld = node.operation == "Upsample" || operands.operatorSet < 11
        let rule = Rule(
            coordinates: try node.string(
                "coordinate_transformation_mode", default: isOld ? "asymmetric" : "half_pixel",
                allowed: [
                    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize",
                ]),
            mode: try Self.mode(node, isOld: isOld),
            excludesOutside: try node.flag("exclude_outside"),
            antialiases: try node.flag("antialias"))
        guard
            !rule.antialiases
                || input.shape.dimensions.allSatisfy({ Double($0) <= Self.largestLength })
        else { throw node.error("an axis of \(input.shape) is too long") }
        extrapolation = try node.float("extrapolation_value", default: 0)
        let region =
            rule.coordinates == "tf_crop_and_resize" ? try Self.region(operands, input.shape) : []
        tables = (0..<input.shape.rank).map { axis in
            rule.table(
                input.shape[axis], sizes[axis], scale: scales[axis],
                region: region.isEmpty ? (0, 1) : region[axis])
        }
    }

    /// The part of each axis that is resized, as parts of its length.
    private static func region(
        _ operands: Operands<Fact>, _ input: Shape
    ) throws(FathomError) -> [(Float, Float)] {
        let node = operands.node
        let axes = try node.axes(
            try node.integers("axes") ?? Array(0..<input.rank), rank: input.rank)
        let stated = try operands.constant(1, "region").floatValues
        guard stated.count == 2 * axes.count, stated.allSatisfy({ abs($0) < 1e6 }) else {
            throw node.error("its region does not fit \(input)")
        }
        var region = [(Float, Float)](repeating: (0, 1), count: input.rank)
        for (index, axis) in axes.enumerated() {
            region[axis] = (stated[index], stated[axes.count + index])
        }
        return region
    }

    private static func mode(_ node: Node, isOld: Bool) throws(FathomError) -> Mode {
        switch try node.string("mode", default: "nearest", allowed: ["nearest", "linear", "cubic"])
        {
        case "linear": return .linear
        case "cubic":
            return .cubic(Double(try node.float("cubic_coeff_a", default: -0.75)))
        default:
            return .nearest(
                try node.string(
                    "nearest_mode", default: isOld ? "floor" : "round_prefer_floor",
                    allowed: ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]))
        }
    }

    /// The longest axis that is interpolated, far beyond any picture's side.
    private static let largestLength = 1_048_576.0

    /// The output's lengths and the factor of each axis, from scales or from sizes.
    private static func target(
        _ operands: Operands<Fact>, _ input: Shape
    ) throws(FathomError) -> ([Int], [Double]) {
        let node = operands.node
        let modern = node.operation == "Resize" && operands.operatorSet >= 11
        var scales: [Double]?
        var sizes: [Int]?
        if case .floats(let list)? = node.attributes["scales"] {
            scales = list.map(Double.init)
        } else if let value = try operands.optionalConstant(modern ? 2 : 1, "scale"),
            value.shape.count > 0
        {
            scales = value.floatValues.map(Double.init)
        } else if modern, let value = try operands.optionalConstant(3, "size") {
            sizes = value.integerValues
        }
        let axes = try node.axes(
            try node.integers("axes") ?? Array(0..<input.rank), rank: input.rank)
        let policy = try node.string(
            "keep_aspect_ratio_policy", default: "stretch",
            allowed: ["stretch", "not_larger", "not_smaller"])
        var lengths = input.dimensions
        var factors = [Double](repeating: 1, count: input.rank)
        guard let count = scales?.count ?? sizes?.count, count == axes.count else {
            throw node.error("its sizes or scales are missing or do not fit \(input)")
        }
        if let list = sizes, policy != "stretch" {
            sizes = try proportional(list, axes, input, isLarger: policy == "not_smaller", node)
            // One factor for all axes, from the lengths wanted, not from those rounded.
            let ratios = zip(list, axes).map { Double($0) / Double(input[$1]) }
            let factor = (policy == "not_smaller" ? ratios.max() : ratios.min()) ?? 1
            for axis in axes { factors[axis] = factor }
        }
        for (index, axis) in axes.enumerated() {
            if let factor = scales?[index] {
                // Scales are stored in single precision, so 1.1 · 10 must be taken for 11.
                let length = Double(Float(factor) * Float(input[axis])).rounded(.down)
                guard factor > 0, factor.isFinite, length >= 1, length <= largestLength else {
                    throw node.error("scale \(factor) of an axis of \(input[axis]) is out of range")
                }
                lengths[axis] = Int(length)
                factors[axis] = factor
            } else if let length = sizes?[index] {
                guard length >= 1, Double(length) <= largestLength, input[axis] >= 1 else {
                    throw node.error("size \(length) is out of range")
                }
                lengths[axis] = length
                if policy == "stretch" { factors[axis] = Double(length) / Double(input[axis]) }
            }
        }
        return (lengths, factors)
    }

    /// The lengths nearest to those wanted that keep the input's proportions.
    private static func proportional(
        _ wanted: [Int], _ axes: [Int], _ input: Shape, isLarger: Bool, _ node: Node
    ) throws(FathomError) -> [Int] {
        guard axes.allSatisfy({ input[$0] > 0 }),
            wanted.allSatisfy({ $0 > 0 && Double($0) <= largestLength })
        else { throw node.error("its sizes \(wanted) do not fit \(input)") }
        let ratios = zip(wanted, axes).map { Double($0) / Double(input[$1]) }
        let factor = (isLarger ? ratios.max() : ratios.min()) ?? 1
        // At most the longest length times the longest axis: no overflow.
        return axes.map { Int((factor * Double(input[$0])).rounded()) }
    }
}

extension Resize.Rule {

    fileprivate func table(
        _ input: Int, _ output: Int, scale: Double, region: (Float, Float)
    ) -> ResizeTable {
        var positions: [Int32] = []
        var weights: [Float] = []
        var outside: Set<Int> = []
        for index in 0..<output {
            let x = coordinate(index, input, output, scale, region)
            if coordinates == "tf_crop_and_resize", x < 0 || x > Double(input - 1) {
                outside.insert(index)
            }
            for (position, weight) in taps(x, input: input, scale: scale) {
                positions.append(Int32(min(max(position, 0), input - 1)))
                weights.append(Float(weight))
            }
        }
        return ResizeTable(
            input: input, output: output, taps: positions.count / max(output, 1),
            positions: positions, weights: weights, outside: outside)
    }

    /// In single precision, as ONNX Runtime computes it: it decides where a nearest neighbour flips.
    private func coordinate(
        _ index: Int, _ input: Int, _ output: Int, _ scale: Double, _ region: (Float, Float)
    ) -> Double {
        let (position, factor) = (Float(index), Float(scale))
        let center = (position + 0.5) / factor - 0.5
        switch coordinates {
        case "asymmetric": return Double(position / factor)
        case "align_corners":
            // With a scale the standard takes the length before it was rounded.
            let exact = factor * Float(input)
            let length = abs(exact - Float(output)) < 1e-3 ? Float(output) : exact
            return output == 1 ? 0 : Double(position * Float(input - 1) / (length - 1))
        case "pytorch_half_pixel": return output > 1 ? Double(center) : 0
        case "tf_half_pixel_for_nn": return Double((position + 0.5) / factor)
        case "tf_crop_and_resize":
            let (start, end, last) = (region.0, region.1, Float(input - 1))
            return Double(
                output > 1
                    ? start * last + position * (end - start) * last / Float(output - 1)
                    : 0.5 * (start + end) * last)
        case "half_pixel_symmetric":
            let adjustment = Float(output) / (factor * Float(input))
            return Double(Float(input) / 2 * (1 - adjustment) + center)
        default: return Double(center)
        }
    }
}

extension Resize.Rule {
    /// Positions, possibly outside the axis, and weights for a coordinate.
    private func taps(_ x: Double, input: Int, scale: Double) -> [(Int, Double)] {
        // Outputs wholly outside repeat the border; limited so that no position overflows.
        let x = x.isNaN ? 0 : min(max(x, -0x1p30), 0x1p30)
        let kernel: (Double) -> Double
        let reach: Double
        switch mode {
        case .nearest(let rule): return [(Self.nearest(x, rule), 1)]
        case .linear:
            (kernel, reach) = ({ max(0, 1 - abs($0)) }, 1)
        case .cubic(let a):
            (kernel, reach) = ({ Self.cubic(abs($0), a) }, 2)
        }
        // Antialiasing widens the kernel where the axis shrinks.
        let factor = antialiases ? min(scale, 1) : 1
        let start = Int((-reach / factor).rounded(.down)) + 1
        let first = x == x.rounded() ? Int(x) - 1 : Int(x.rounded(.down))
        var taps = (first + start..<first + 2 - start).map { position in
            (position, kernel((Double(position) - x) * factor))
        }
        if excludesOutside {
            for index in taps.indices where !(0..<input).contains(taps[index].0) {
                taps[index].1 = 0
            }
        }
        if excludesOutside || antialiases {
            let sum = taps.reduce(0) { $0 + $1.1 }
            for index in taps.indices where sum != 0 { taps[index].1 /= sum }
        }
        return taps
    }

    private static func nearest(_ x: Double, _ rule: String) -> Int {
        switch rule {
        case "floor": Int(x.rounded(.down))
        case "ceil": Int(x.rounded(.up))
        case "round_prefer_ceil": Int((x + 0.5).rounded(.down))
        default: Int((x - 0.5).rounded(.up))
        }
    }

    /// Keys' kernel (Cubic convolution interpolation, 1981) at a distance.
    private static func cubic(_ t: Double, _ a: Double) -> Double {
        if t >= 2 { return 0 }
        return t <= 1
            ? ((a + 2) * t - (a + 3)) * t * t + 1
            : ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    }
}

extension Resize {
    /// One axis after the other.
    func evaluate(_ input: Tensor) -> Tensor {
        var current = input
        for (axis, table) in tables.enumerated() where !table.isIdentity {
            let before = current.shape.dimensions[..<axis].reduce(1, *)
            let after = current.shape.dimensions[(axis + 1)...].reduce(1, *)
            let source = current.values
            var dimensions = current.shape.dimensions
            dimensions[axis] = table.output
            var target = [Float](repeating: 0, count: before * table.output * after)
            for outer in 0..<before {
                for index in 0..<table.output {
                    for inner in 0..<after {
                        if table.outside.contains(index) {
                            target[(outer * table.output + index) * after + inner] = extrapolation
                            continue
                        }
                        var sum = 0.0
                        for tap in 0..<table.taps {
                            let position = Int(table.positions[index * table.taps + tap])
                            let value = source[(outer * table.input + position) * after + inner]
                            sum += Double(table.weights[index * table.taps + tap]) * Double(value)
                        }
                        target[(outer * table.output + index) * after + inner] = Float(sum)
                    }
                }
            }
            current = Tensor(shape: Shape(dimensions), values: target)
        }
        return current
    }
}

extension Operator {
    /// `Resize` and its predecessor `Upsample`.
    static let resizes: [Operator] = [("Resize", 1...4), ("Upsample", 1...2)].map { name, inputs in
        Operator(
            name, inputs: inputs, lowering: .resize,
            infer: { operands throws(FathomError) in
                [Fact(try Resize(operands).outputShape, try operands.required(0).type)]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.required(0)
                let values = Tensor(shape: input.shape, values: input.floatValues)
                let result = try Resize(operands.facts).evaluate(values)
                return [Value.floats(result).cast(to: input.type)]
            })
    }
}
