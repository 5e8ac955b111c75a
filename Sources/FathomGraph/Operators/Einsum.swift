import FathomCore

/// What an `Einsum` node computes: sums of products of elements whose indices have names.
///
/// Each operand's axes are named by letters; a name stands for one index throughout, an ellipsis for any number of axes
/// that are broadcast. Names that the output lacks are summed over.
package struct Einsum: Sendable {
    /// The output.
    package let outputShape: Shape
    /// The lengths of the names summed over.
    private let summed: Shape
    /// Steps of each operand along the output's axes, and along those summed over.
    private let strides: [(output: [Int], summed: [Int])]

    /// A name: a letter, or the place from the end of an axis under an ellipsis.
    private enum Name: Hashable {
        case letter(Character)
        case ellipsis(Int)
    }

    /// The most positions that an evaluation keeps.
    private static let largestCount = 1 << 27

    /// Reads the equation and checks it against the facts of the operands.
    package init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        guard case .string(let text)? = node.attributes["equation"] else {
            throw node.error("it has no equation")
        }
        let equation = text.filter { $0 != " " }
        let sides = equation.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let terms = sides[0].split(separator: ",", omittingEmptySubsequences: false)
        guard terms.count == operands.inputs.count, sides.count == 1 || sides[1].first == ">" else {
            throw node.error(
                "its equation '\(text)' does not fit \(operands.inputs.count) operands")
        }
        var lengths: [Name: Int] = [:]
        var named: [[Name]] = []
        var widest = 0
        for (index, term) in terms.enumerated() {
            let shape = try operands.floating(index)
            let (names, width) = try Self.names(term, rank: shape.rank, node)
            widest = max(widest, width)
            for (name, length) in zip(names, shape.dimensions) {
                let known = lengths[name] ?? 1
                let isBroadcast = if case .ellipsis = name { true } else { false }
                guard known == length || known == 1 || (isBroadcast && length == 1) else {
                    throw node.error("its equation '\(text)' does not fit \(shape)")
                }
                lengths[name] = max(known, length)
                if length == 0 { lengths[name] = 0 }
            }
            named.append(names)
        }
        var output: [Name] = (0..<widest).reversed().map { .ellipsis($0) }
        if sides.count == 2 {
            let rank =
                sides[1].dropFirst().count { $0 != "." } + (sides[1].contains(".") ? widest : 0)
            output = try Self.names(sides[1].dropFirst(), rank: rank, node).names
        } else {
            let all = named.joined()
            let once = Set(all).filter { name in all.count { $0 == name } == 1 }
            output += once.compactMap { if case .letter(let letter) = $0 { letter } else { nil } }
                .sorted().map { .letter($0) }
        }
        guard Set(output).count == output.count, output.allSatisfy({ lengths[$0] != nil }) else {
            throw node.error("its equation '\(text)' has an output that its operands do not give")
        }
        let rest = Set(lengths.keys).subtracting(output)
        let inner = named.joined().reduce(into: [Name]()) { list, name in
            if rest.contains(name), !list.contains(name) { list.append(name) }
        }
        outputShape = try node.shape(output.map { lengths[$0] ?? 1 })
        summed = try node.shape(inner.map { lengths[$0] ?? 1 })
        strides = zip(named, operands.inputs).map { names, fact in
            let shape = fact?.shape ?? []
            func steps(_ list: [Name]) -> [Int] {
                list.map { name in
                    // A name that an operand has twice walks its diagonal.
                    zip(names, zip(shape.dimensions, shape.strides)).reduce(0) { sum, axis in
                        axis.0 == name && axis.1.0 != 1 ? sum + axis.1.1 : sum
                    }
                }
            }
            return (steps(output), steps(inner))
        }
    }

    /// The names of an operand's axes, and how many of them an ellipsis stands for.
    private static func names(
        _ term: Substring, rank: Int, _ node: Node
    ) throws(FathomError) -> (names: [Name], width: Int) {
        let letters = term.filter { $0 != "." }
        let dots = term.count - letters.count
        let width = rank - letters.count
        guard letters.allSatisfy({ $0.isLetter && $0.isASCII }), width >= 0,
            dots == 3 || dots == 0 && width == 0
        else { throw node.error("the term '\(term)' of its equation does not fit \(rank) axes") }
        var names: [Name] = []
        var rest = term
        while let next = rest.first {
            if next == "." {
                guard rest.hasPrefix("...") else {
                    throw node.error("the term '\(term)' of its equation is not understood")
                }
                names += (0..<width).reversed().map { .ellipsis($0) }
                rest = rest.dropFirst(3)
            } else {
                names.append(.letter(next))
                rest = rest.dropFirst()
            }
        }
        return (names, width)
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> Tensor {
        guard (outputShape.count + summed.count) * strides.count <= Self.largestCount else {
            throw operands.node.error(
                "\(outputShape) of sums over \(summed) is too large to evaluate")
        }
        let sources = operands.inputs.map { $0?.floatValues ?? [] }
        let outer = strides.map { outputShape.positions(strides: $0.output) }
        let inner = strides.map { summed.positions(strides: $0.summed) }
        let values = (0..<outputShape.count).map { place in
            var sum = 0.0
            for step in 0..<summed.count {
                var product = 1.0
                for index in sources.indices {
                    product *= Double(sources[index][outer[index][place] + inner[index][step]])
                }
                sum += product
            }
            return Float(sum)
        }
        return Tensor(shape: outputShape, values: values)
    }
}

extension Operator {
    /// Products of more than two matrices, or of tensors along named axes.
    static let products: [Operator] = [
        Operator(
            "Einsum", inputs: 1...64, lowering: .reference,
            infer: { operands throws(FathomError) in [Fact(try Einsum(operands).outputShape)] },
            evaluate: { operands throws(FathomError) in
                [.floats(try Einsum(operands.facts).evaluate(operands))]
            })
    ]
}
