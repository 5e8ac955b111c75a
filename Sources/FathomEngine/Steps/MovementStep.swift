import CKernels
import FathomCore
import FathomGraph

/// A result whose elements are elements of one operand; a chunk is a part of the result.
struct MovementStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.

    /// How it is done.
    enum Way: Sendable {
        /// Rows of `length` numbers, `stride` apart in the operand.
        case rows(length: Int, stride: Int)
        /// Matrices turned: `rows` of the operand, `rowStep` apart, become columns, `columnStep` apart in the result.
        case turned(rows: Int, rowStep: Int, columns: Int, columnStep: Int)
        /// One by one.
        case listed([Int32], fill: Float)
    }

    let way: Way
    /// The axes that rows or matrices are counted by: length, step in the operand, step in the result.
    let axes: [(length: Int, source: Int, target: Int)]
    let offset: Int
    let count: Int
    let source: UnsafePointer<Float>
    let target: UnsafeMutablePointer<Float>
    let kernels: TensorKernels

    /// Columns of a matrix that are turned at a time.
    private static let strip = 64

    private var blocks: Int { axes.reduce(1) { $0 * $1.length } }

    private var rowsEach: Int {
        guard case .rows(let length, _) = way else { return 1 }
        return max(1, ElementwiseStep.length / max(length, 1))
    }

    var chunks: Int {
        switch way {
        case .rows: (blocks + rowsEach - 1) / rowsEach
        case .turned(_, _, let columns, _): blocks * ((columns + Self.strip - 1) / Self.strip)
        case .listed: (count + ElementwiseStep.length - 1) / ElementwiseStep.length
        }
    }

    func run(_ chunk: Int) {
        switch way {
        case .rows(let length, let stride):
            for row in chunk * rowsEach..<min((chunk + 1) * rowsEach, blocks) {
                let starts = starts(row)
                kernels.table.copy(
                    source + starts.source, stride, target + starts.target, length)
            }
        case .turned(let rows, let rowStep, let columns, let columnStep):
            let strips = (columns + Self.strip - 1) / Self.strip
            let starts = starts(chunk / strips)
            let first = chunk % strips * Self.strip
            kernels.table.transpose(
                source + starts.source + first, rowStep,
                target + starts.target + first * columnStep, columnStep, rows,
                min(Self.strip, columns - first))
        case .listed(let positions, let fill):
            let first = chunk * ElementwiseStep.length
            positions.withUnsafeBufferPointer { list in
                guard let start = list.baseAddress else { return }
                kernels.table.gather(
                    source, start + first, fill, target + first,
                    min(ElementwiseStep.length, count - first))
            }
        }
    }

    private func starts(_ block: Int) -> (source: Int, target: Int) {
        var (rest, from, to) = (block, offset, 0)
        for axis in axes.reversed() {
            let (quotient, index) = rest.quotientAndRemainder(dividingBy: axis.length)
            from += index * axis.source
            to += index * axis.target
            rest = quotient
        }
        return (from, to)
    }
}

/// The C kernels on plain tensors at one instruction set.
struct TensorKernels: @unchecked Sendable {
    // Sendable: pointers to functions, none of which change.
    let table: fathom_tensor_kernels

    init(_ instructionSet: InstructionSet) {
        table = fathom_tensor_kernels_at(instructionSet.code).pointee
    }
}

extension MovementStep {
    /// The way for strides, and the axes around it.
    static func way(
        _ shape: Shape, strides: [Int]
    ) -> (way: Way, axes: [(length: Int, source: Int, target: Int)]) {
        let steps = shape.strides
        var axes: [(length: Int, source: Int, target: Int)] = []
        for axis in shape.dimensions.indices where shape[axis] > 1 {
            let length = shape[axis]
            if let last = axes.last, last.source == strides[axis] * length {
                axes[axes.count - 1] = (last.length * length, strides[axis], steps[axis])
            } else {
                axes.append((length, strides[axis], steps[axis]))
            }
        }
        guard let inner = axes.popLast() else { return (.rows(length: 1, stride: 1), []) }
        if inner.source != 1, inner.length > 1,
            let turned = axes.lastIndex(where: { $0.source == 1 })
        {
            let outer = axes.remove(at: turned)
            return (
                .turned(
                    rows: inner.length, rowStep: inner.source, columns: outer.length,
                    columnStep: outer.target), axes
            )
        }
        return (.rows(length: inner.length, stride: inner.source), axes)
    }
}

extension Planner {
    /// Plans operators that only move elements of their first input: as other names where they are runs of it.
    mutating func lowerMovement(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let results = rearrangements(operands), results.count >= node.outputs.count else {
            return false
        }
        let blocked = try blockedParts(node, results)
        for (index, name) in node.outputs.enumerated() where !name.isEmpty {
            if let part = blocked?[index] {
                alias(name, .blocked, part)
                continue
            }
            let result = results[index]
            if let blocks = try blockedRows(node, result) {
                let source = try operand(node.inputs[0], .blocked)
                try appendMovement(node, name, .blocked, blocks, source)
                continue
            }
            let source = try operand(node.inputs[0], .planar)
            if let offset = result.contiguousOffset, let buffer = source.buffer {
                alias(name, .planar, source.moved(by: offset, in: buffer))
            } else {
                try appendMovement(node, name, .planar, result, source)
            }
        }
        return true
    }

    /// Where each result of a transposition or any other rearrangement comes from.
    private func rearrangements(_ operands: Operands<Fact>) -> [Rearrangement]? {
        guard operands.node.operation == "Transpose", let shape = operands.optional(0)?.shape else {
            return Rearrangement.results(of: operands)
        }
        var order = Array((0..<shape.rank).reversed())
        if case .integers(let stated)? = operands.node.attributes["perm"] { order = stated }
        guard order.sorted() == Array(0..<shape.rank) else { return nil }
        let strides = shape.strides
        return [
            Rearrangement(
                Shape(order.map { shape[$0] }), offset: 0, strides: order.map { strides[$0] })
        ]
    }

    /// Parts of a blocked picture's channels, where all results are whole blocks of it.
    private func blockedParts(
        _ node: Node, _ results: [Rearrangement]
    ) throws(FathomError) -> [Place]? {
        let shape = try shape(node.inputs[0])
        guard layout(node.inputs[0]) == .blocked, shape.rank == 4, shape[0] == 1, shape.count > 0,
            case .buffer(let buffer)? = place(node.inputs[0], .blocked)
        else { return nil }
        let plane = shape[2] * shape[3]
        var parts: [Place] = []
        for result in results {
            guard let offset = result.contiguousOffset, result.shape.rank == 4,
                result.shape[2] == shape[2], result.shape[3] == shape[3],
                offset % (plane * Kernels.block) == 0
            else { return nil }
            parts.append(.part(buffer, offset: offset))
        }
        return parts
    }

    /// What moves where the result is some of a blocked picture's channels, in whole blocks: a run of each picture.
    private func blockedRows(
        _ node: Node, _ result: Rearrangement
    ) throws(FathomError) -> Rearrangement? {
        let shape = try shape(node.inputs[0])
        guard layout(node.inputs[0]) == .blocked, shape.rank == 4, shape.count > 0,
            case .strided(let offset, let strides) = result.rule, strides == shape.strides,
            result.shape.rank == 4, result.shape.count > 0, result.shape[0] == shape[0],
            result.shape[2] == shape[2], result.shape[3] == shape[3]
        else { return nil }
        let block = shape[2] * shape[3] * Kernels.block
        guard offset >= 0, offset.isMultiple(of: block) else { return nil }
        return Rearrangement(
            [shape[0], Kernels.blocks(result.shape[1]) * block], offset: offset,
            strides: [Kernels.blocks(shape[1]) * block, 1])
    }

    private mutating func appendMovement(
        _ node: Node, _ name: String, _ layout: Layout, _ result: Rearrangement, _ source: Place
    ) throws(FathomError) {
        let target = try self.result(name, layout)
        let count = result.shape.count
        let kernels = TensorKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [source], writes: [target],
                worksInPlace: false
            ) { memory in
                var (way, axes) = (
                    MovementStep.Way.rows(length: 0, stride: 1),
                    [(length: Int, source: Int, target: Int)]()
                )
                var start = 0
                switch result.rule {
                case .strided(let offset, let strides):
                    (way, axes) = MovementStep.way(result.shape, strides: strides)
                    start = offset
                case .listed(let positions): way = .listed(positions, fill: result.fill)
                }
                return MovementStep(
                    way: way, axes: axes, offset: start, count: count,
                    source: memory.readable(source), target: memory.writable(target),
                    kernels: kernels)
            })
    }
}

extension Place {
    /// The same place some numbers further.
    fileprivate func moved(by offset: Int, in buffer: Int) -> Place {
        if case .part(_, let start) = self { return .part(buffer, offset: start + offset) }
        return offset == 0 ? self : .part(buffer, offset: offset)
    }
}
