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

    /// Whether the axis stays as it is.
    public var isIdentity: Bool {
        input == output
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
/// ONNX operators `Resize` (10 to 19) and `Upsample` (7, 9): nearest, linear and cubic. Not
/// supported: `tf_crop_and_resize`, antialiasing, aspect-ratio policies.
public struct Resize: Sendable {
    /// One table an axis.
    public let tables: [ResizeTable]
    /// The output.
    public let outputShape: Shape

    fileprivate enum Mode { case nearest(String), linear, cubic(Double, excludesOutside: Bool) }

    /// Checks a node against the facts of its inputs.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0)
        guard input.type == .float else { throw node.error("its operand is not floating point") }
        let (sizes, scales) = try Self.target(operands, input.shape)
        outputShape = try node.shape(sizes)
        guard input.shape.count > 0 else { throw node.error("its input has no elements") }
        // Before operator set 11 there was only one rule for coordinates.
        let isOld = node.operation == "Upsample" || operands.operatorSet < 11
        let coordinates = try node.string(
            "coordinate_transformation_mode", default: isOld ? "asymmetric" : "half_pixel",
            allowed: [
                "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                "asymmetric",
            ])
        let mode = try Self.mode(node, isOld: isOld)
        guard try node.integer("antialias", default: 0) == 0 else {
            throw node.error("antialiasing is not supported")
        }
        _ = try node.string("keep_aspect_ratio_policy", default: "stretch", allowed: ["stretch"])
        tables = (0..<input.shape.rank).map { axis in
            Self.table(
                input.shape[axis], sizes[axis], scale: scales[axis], coordinates: coordinates,
                mode: mode)
        }
    }

    private static func mode(_ node: Node, isOld: Bool) throws(FathomError) -> Mode {
        switch try node.string("mode", default: "nearest", allowed: ["nearest", "linear", "cubic"])
        {
        case "linear": return .linear
        case "cubic":
            return .cubic(
                Double(try node.float("cubic_coeff_a", default: -0.75)),
                excludesOutside: try node.integer("exclude_outside", default: 0) != 0)
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
        let axes = try node.integers("axes") ?? Array(0..<input.rank)
        var lengths = input.dimensions
        var factors = [Double](repeating: 1, count: input.rank)
        guard let count = scales?.count ?? sizes?.count, count == axes.count else {
            throw node.error("its sizes or scales are missing or do not fit \(input)")
        }
        for (index, raw) in axes.enumerated() {
            let axis = try node.axis(raw, rank: input.rank)
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
                factors[axis] = Double(length) / Double(input[axis])
            }
        }
        return (lengths, factors)
    }

    private static func table(
        _ input: Int, _ output: Int, scale: Double, coordinates: String, mode: Mode
    ) -> ResizeTable {
        var positions: [Int32] = []
        var weights: [Float] = []
        for index in 0..<output {
            let x = coordinate(index, input, output, scale, coordinates)
            for (position, weight) in mode.taps(x, input: input) {
                positions.append(Int32(min(max(position, 0), input - 1)))
                weights.append(Float(weight))
            }
        }
        return ResizeTable(
            input: input, output: output, taps: positions.count / max(output, 1),
            positions: positions, weights: weights)
    }

    /// In single precision, as ONNX Runtime computes it: it decides where a nearest neighbour flips.
    private static func coordinate(
        _ index: Int, _ input: Int, _ output: Int, _ scale: Double, _ rule: String
    ) -> Double {
        let (position, factor) = (Float(index), Float(scale))
        let center = (position + 0.5) / factor - 0.5
        switch rule {
        case "asymmetric": return Double(position / factor)
        case "align_corners":
            return output == 1 ? 0 : Double(position * Float(input - 1) / Float(output - 1))
        case "pytorch_half_pixel": return output > 1 ? Double(center) : 0
        case "half_pixel_symmetric":
            let adjustment = Float(output) / (factor * Float(input))
            return Double(Float(input) / 2 * (1 - adjustment) + center)
        default: return Double(center)
        }
    }
}

extension Resize.Mode {
    /// Positions, possibly outside the axis, and weights for a coordinate.
    fileprivate func taps(_ x: Double, input: Int) -> [(Int, Double)] {
        switch self {
        case .nearest(let rule): return [(Self.nearest(x, rule), 1)]
        case .linear:
            let clamped = min(max(x, 0), Double(input - 1))
            let first = Int(clamped)
            let fraction = clamped - Double(first)
            return [(first, 1 - fraction), (first + 1, fraction)]
        case .cubic(let a, let excludesOutside):
            let first = Int(x.rounded(.down))
            var taps = (first - 1...first + 2).map { position in
                (position, Self.cubic(abs(x - Double(position)), a))
            }
            if excludesOutside {
                for index in taps.indices where !(0..<input).contains(taps[index].0) {
                    taps[index].1 = 0
                }
                let sum = taps.reduce(0) { $0 + $1.1 }
                for index in taps.indices { taps[index].1 /= sum }
            }
            return taps
        }
    }

    private static func nearest(_ x: Double, _ rule: String) -> Int {
        switch rule {
        case "floor": Int(x.rounded(.down))
        case "ceil": Int(x.rounded(.up))
        case "round_prefer_ceil": Int((x + 0.5).rounded(.down))
        default: Int((x - 0.5).rounded(.up))
        }
    }

    /// Keys' kernel (Cubic convolution interpolation, 1981) at a distance of less than 2.
    private static func cubic(_ t: Double, _ a: Double) -> Double {
        t <= 1
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
                [Fact(try Resize(operands).outputShape)]
            },
            evaluate: { operands throws(FathomError) in
                [.floats(try Resize(operands.facts).evaluate(operands.tensor(0)))]
            })
    }
}
