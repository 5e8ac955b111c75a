import CKernels
import FathomCore
import FathomGraph

/// How two operands of different shapes are walked through together: rows of neighbouring numbers, and where each
/// begins.
struct BroadcastRows: Sendable {
    /// Lengths of the axes that rows are counted by, outermost first, and each operand's steps along them.
    private(set) var lengths: [Int] = []
    private(set) var leftSteps: [Int] = []
    private(set) var rightSteps: [Int] = []
    /// Numbers of a row.
    private(set) var length = 1
    /// After how many numbers a row of the right operand repeats: 1, 8, or the row's length.
    private(set) var period = 1
    /// Whether the operands change places, so that the one that repeats is on the right.
    private(set) var isSwapped = false

    var rows: Int { lengths.reduce(1, *) }

    /// For axes of a row-major result, with each operand's step along every axis (0 where it repeats).
    init(_ dimensions: [Int], left: [Int], right: [Int]) {
        // Neighbouring axes that both operands walk through alike are one.
        var axes: [(length: Int, left: Int, right: Int)] = []
        for axis in dimensions.indices where dimensions[axis] != 1 {
            let (length, l, r) = (dimensions[axis], left[axis], right[axis])
            if let last = axes.last, last.left == l * length, last.right == r * length {
                axes[axes.count - 1] = (last.length * length, l, r)
            } else {
                axes.append((length, l, r))
            }
        }
        guard let row = axes.popLast() else { return }
        length = row.length
        isSwapped = row.left == 0
        period = row.left != 0 && row.right != 0 ? length : 1
        lengths = axes.map(\.length)
        leftSteps = axes.map { isSwapped ? $0.right : $0.left }
        rightSteps = axes.map { isSwapped ? $0.left : $0.right }
    }

    /// For a blocked picture on the left and one number for each channel on the right.
    init(blocks: Int, images: Int, plane: Int, rightImage: Int) {
        lengths = [images, blocks]
        leftSteps = [blocks * plane * Kernels.block, plane * Kernels.block]
        rightSteps = [rightImage, Kernels.block]
        length = plane * Kernels.block
        period = Kernels.block
    }

    /// Where a row of each operand begins.
    func starts(_ row: Int) -> (left: Int, right: Int) {
        var (rest, left, right) = (row, 0, 0)
        for axis in lengths.indices.reversed() {
            let (quotient, index) = rest.quotientAndRemainder(dividingBy: lengths[axis])
            left += index * leftSteps[axis]
            right += index * rightSteps[axis]
            rest = quotient
        }
        return (left, right)
    }
}

/// A function of two operands; a chunk is some rows, or a part of one.
struct BroadcastStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.
    private let function: fathom_binary
    private let rows: BroadcastRows
    private let kernels: Kernels
    private let left: UnsafePointer<Float>
    private let right: UnsafePointer<Float>
    private let output: UnsafeMutablePointer<Float>
    private let rowsEach: Int
    private let parts: Int
    let chunks: Int

    init(
        _ function: fathom_binary, _ rows: BroadcastRows, _ kernels: Kernels,
        left: UnsafePointer<Float>, right: UnsafePointer<Float>,
        output: UnsafeMutablePointer<Float>
    ) {
        self.function = function
        self.rows = rows
        self.kernels = kernels
        self.left = rows.isSwapped ? right : left
        self.right = rows.isSwapped ? left : right
        self.output = output
        rowsEach = max(1, ElementwiseStep.length / max(rows.length, 1))
        parts =
            rowsEach > 1 ? 1 : (rows.length + ElementwiseStep.length - 1) / ElementwiseStep.length
        chunks = (rows.rows + rowsEach - 1) / rowsEach * parts
    }

    func run(_ chunk: Int) {
        let (group, part) = (chunk / parts, chunk % parts)
        let first = part * ElementwiseStep.length
        let count = parts == 1 ? rows.length : min(ElementwiseStep.length, rows.length - first)
        for row in group * rowsEach..<min((group + 1) * rowsEach, rows.rows) {
            let starts = rows.starts(row)
            let moves = rows.period == rows.length ? first : 0
            kernels.table.binary(
                function, rows.isSwapped ? 1 : 0, left + starts.left + first,
                right + starts.right + moves, rows.period == rows.length ? count : rows.period,
                output + row * rows.length + first, count)
        }
    }
}

extension Planner {
    private static let binaryKernels: [String: fathom_binary] = [
        "Add": FATHOM_ADD, "Sub": FATHOM_SUBTRACT, "Mul": FATHOM_MULTIPLY, "Div": FATHOM_DIVIDE,
        "Min": FATHOM_MINIMUM, "Max": FATHOM_MAXIMUM, "Pow": FATHOM_POWER, "PRelu": FATHOM_PRELU,
        Operator.step: FATHOM_STEP,
    ]

    /// Plans a function of two operands that broadcast to each other.
    mutating func lowerBinary(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let function = Self.binaryKernels[node.operation], node.inputs.count == 2 else {
            return false
        }
        let shapes = [try shape(node.inputs[0]), try shape(node.inputs[1])]
        let output = try shape(node.outputs[0])
        guard output.count > 0 else { return false }
        if let rows = blockedRows(node, shapes, output) {
            return try appendBinary(node, function, rows, [.blocked, .blocked], .blocked)
        }
        let single = shapes.firstIndex { $0.count == 1 }
        if let single, shapes[1 - single] == output, layout(node.inputs[1 - single]) == .blocked {
            // Whatever fills up the last block may be combined, too.
            let count = Self.count(output, .blocked)
            let steps = (0..<2).map { $0 == single ? [0] : [1] }
            let rows = BroadcastRows([count], left: steps[0], right: steps[1])
            let layouts: [Layout] = single == 0 ? [.planar, .blocked] : [.blocked, .planar]
            return try appendBinary(node, function, rows, layouts, .blocked)
        }
        let steps = shapes.map { shape in
            let missing = output.rank - shape.rank
            return output.dimensions.indices.map { axis in
                axis < missing || shape[axis - missing] == 1 ? 0 : shape.strides[axis - missing]
            }
        }
        let rows = BroadcastRows(output.dimensions, left: steps[0], right: steps[1])
        return try appendBinary(node, function, rows, [.planar, .planar], .planar)
    }

    /// Rows for blocked pictures of the same shape, or one and a number for each channel, where it lies blocked.
    private func blockedRows(
        _ node: Node, _ shapes: [Shape], _ output: Shape
    ) -> BroadcastRows? {
        guard output.rank >= 3, node.inputs.contains(where: { layout($0) == .blocked }) else {
            return nil
        }
        if shapes[0] == shapes[1] {
            return BroadcastRows([Self.count(output, .blocked)], left: [1], right: [1])
        }
        let (left, right) = (shapes[0], shapes[1])
        guard left == output, layout(node.inputs[0]) == .blocked, right.rank == left.rank,
            right.dimensions.dropFirst(2).allSatisfy({ $0 == 1 }), right[1] == left[1],
            right[0] == left[0] || right[0] == 1, left[0] * left[1] > 0
        else { return nil }
        let blocks = Kernels.blocks(output[1])
        return BroadcastRows(
            blocks: blocks, images: output[0], plane: output.count / (output[0] * output[1]),
            rightImage: right[0] == 1 ? 0 : blocks * Kernels.block)
    }

    private mutating func appendBinary(
        _ node: Node, _ function: fathom_binary, _ rows: BroadcastRows, _ layouts: [Layout],
        _ resultLayout: Layout
    ) throws(FathomError) -> Bool {
        let left = try operand(node.inputs[0], layouts[0])
        let right = try operand(node.inputs[1], layouts[1])
        let target = try result(node.outputs[0], resultLayout)
        let kernels = kernels
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [left, right],
                writes: [target], worksInPlace: true
            ) { memory in
                BroadcastStep(
                    function, rows, kernels, left: memory.readable(left),
                    right: memory.readable(right), output: memory.writable(target))
            })
        return true
    }
}
