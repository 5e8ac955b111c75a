import CKernels
import FathomCore
import FathomGraph
import Glibc

/// Numbers along neighbouring axes made one; a chunk is some results.
struct ReductionStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.

    /// What is done with the sum, or whatever it is, in the end.
    enum Finish: Sendable {
        case nothing
        case factor(Float)
        case squareRoot
        case logarithm
    }

    /// How the numbers lie: `outer` groups of `length` times `inner`.
    struct Sizes: Sendable {
        let outer: Int
        let length: Int
        let inner: Int
    }

    let kind: fathom_reduction
    let finish: Finish
    let sizes: Sizes
    let input: UnsafePointer<Float>
    let output: UnsafeMutablePointer<Float>
    let kernels: TensorKernels

    /// Columns of a chunk.
    private static let width = 256
    private var rowsEach: Int { max(1, ElementwiseStep.length / max(sizes.length, 1)) }
    private var strips: Int { (sizes.inner + Self.width - 1) / Self.width }
    var chunks: Int {
        sizes.inner == 1 ? (sizes.outer + rowsEach - 1) / rowsEach : sizes.outer * strips
    }

    func run(_ chunk: Int) {
        let (length, inner) = (sizes.length, sizes.inner)
        guard inner == 1 else {
            let (group, first) = (chunk / strips, chunk % strips * Self.width)
            let count = min(Self.width, inner - first)
            let target = output + group * inner + first
            kernels.table.reduce_columns(
                kind, input + group * length * inner + first, length, inner, target, count)
            end(target, count)
            return
        }
        let rows = chunk * rowsEach..<min((chunk + 1) * rowsEach, sizes.outer)
        for row in rows {
            output[row] = kernels.table.reduce(kind, input + row * length, length)
        }
        end(output + rows.lowerBound, rows.count)
    }

    private func end(_ numbers: UnsafeMutablePointer<Float>, _ count: Int) {
        switch finish {
        case .nothing: break
        case .factor(let factor): for index in 0..<count { numbers[index] *= factor }
        case .squareRoot: for index in 0..<count { numbers[index] = numbers[index].squareRoot() }
        case .logarithm: for index in 0..<count { numbers[index] = logf(numbers[index]) }
        }
    }
}

extension Planner {
    /// Plans a reduction of neighbouring axes.
    mutating func lowerReduction(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let shape = try shape(node.inputs[0])
        guard shape.count > 0, let axes = reducedAxes(node, shape.rank), !axes.isEmpty,
            let kind = Self.reductions[node.operation]
        else { return false }
        let (first, last) = (axes[0], axes[axes.count - 1])
        // Axes of one element in between do not matter.
        guard (first...last).allSatisfy({ axes.contains($0) || shape[$0] == 1 }) else {
            return false
        }
        let length = shape.dimensions[first...last].reduce(1, *)
        let isSpatial = shape.rank == 4 && first == 2 && last == 3
        if isSpatial, layout(node.inputs[0]) == .blocked,
            try self.shape(node.outputs[0]).rank == 4
        {
            let sizes = ReductionStep.Sizes(
                outer: shape[0] * Kernels.blocks(shape[1]), length: length, inner: Kernels.block)
            return try appendReduction(node, kind, sizes, .blocked)
        }
        let sizes = ReductionStep.Sizes(
            outer: shape.dimensions[..<first].reduce(1, *), length: length,
            inner: shape.dimensions[(last + 1)...].reduce(1, *))
        return try appendReduction(node, kind, sizes, .planar)
    }

    private static let reductions: [String: fathom_reduction] = [
        "ReduceSum": FATHOM_SUM, "ReduceMean": FATHOM_SUM, "ReduceMax": FATHOM_GREATEST,
        "ReduceMin": FATHOM_LEAST, "ReduceProd": FATHOM_PRODUCT,
        "ReduceL1": FATHOM_SUM_OF_MAGNITUDES, "ReduceL2": FATHOM_SUM_OF_SQUARES,
        "ReduceSumSquare": FATHOM_SUM_OF_SQUARES, "ReduceLogSum": FATHOM_SUM,
        "GlobalAveragePool": FATHOM_SUM, "GlobalMaxPool": FATHOM_GREATEST,
    ]

    /// The axes that a node reduces, in order; nil where there is no kernel for them.
    private func reducedAxes(_ node: Node, _ rank: Int) -> [Int]? {
        if node.operation.hasPrefix("Global") { return Array(2..<max(rank, 2)) }
        var stated: [Int] = []
        if case .integers(let values)? = node.attributes["axes"] { stated = values }
        if node.inputs.count > 1, !node.inputs[1].isEmpty {
            guard let constant = facts[node.inputs[1]]?.constant else { return nil }
            stated = constant.integerValues
        }
        if stated.isEmpty {
            return node.whole("noop_with_empty_axes", 0) == 0 ? Array(0..<rank) : nil
        }
        let axes = Set(stated.map { $0 < 0 ? $0 + rank : $0 })
        return axes.allSatisfy { (0..<rank).contains($0) } ? axes.sorted() : nil
    }

    private mutating func appendReduction(
        _ node: Node, _ kind: fathom_reduction, _ sizes: ReductionStep.Sizes, _ layout: Layout
    ) throws(FathomError) -> Bool {
        let finish: ReductionStep.Finish =
            switch node.operation {
            case "ReduceMean", "GlobalAveragePool": .factor(1 / Float(sizes.length))
            case "ReduceL2": .squareRoot
            case "ReduceLogSum": .logarithm
            default: .nothing
            }
        let input = try operand(node.inputs[0], layout)
        let output = try result(node.outputs[0], layout)
        let kernels = TensorKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input], writes: [output],
                worksInPlace: false
            ) { memory in
                ReductionStep(
                    kind: kind, finish: finish, sizes: sizes, input: memory.readable(input),
                    output: memory.writable(output), kernels: kernels)
            })
        return true
    }
}
