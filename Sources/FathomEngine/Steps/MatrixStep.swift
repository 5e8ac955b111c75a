import CKernels
import FathomCore
import FathomGraph

/// Matrix products with a packed right side; a chunk is a tile of rows and panels of one of them.
struct MatrixStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap; the pointers are the arena's and the plan's.

    /// One product of several: numbers from the operands' beginnings.
    struct Batch: Sendable {
        let left: Int
        let right: Int
    }

    /// How the work is cut.
    struct Cut: Sendable {
        let rows: Int
        let rowsEach: Int
        let panelsEach: Int
        let panels: Int

        var parts: Int {
            ((rows + rowsEach - 1) / rowsEach) * ((panels + panelsEach - 1) / panelsEach)
        }

        /// Multiplications that a chunk should have.
        private static let chunkSize = 1 << 22

        init(rows: Int, panels: Int, panel: Int, depth: Int, tile: Int, batches: Int) {
            self.rows = rows
            self.panels = panels
            let row = max(depth * panel * panels, 1)
            let group = 4 * tile
            let all = rows * row * batches
            // No chunk is so long that others wait for it: at least sixteen, if they are not too small.
            let size = max(min(Self.chunkSize, all / 16), 1 << 17)
            if group * row <= size || batches * (rows / group) >= 16 {
                rowsEach = max(tile, size / row / group * group)
                panelsEach = max(panels, 1)
            } else {
                rowsEach = min(rows, group)
                panelsEach = max(1, size / max(rowsEach * depth * panel, 1))
            }
        }
    }

    private let product: fathom_product
    private let batches: [Batch]
    private let outputSize: Int
    private let cut: Cut
    private let kernels: MatrixKernels
    let chunks: Int

    init(
        _ product: fathom_product, batches: [Batch], outputSize: Int, cut: Cut,
        kernels: MatrixKernels
    ) {
        self.product = product
        self.batches = batches
        self.outputSize = outputSize
        self.cut = cut
        self.kernels = kernels
        chunks = batches.count * cut.parts
    }

    func run(_ chunk: Int) {
        let (batch, part) = (chunk / cut.parts, chunk % cut.parts)
        let columnParts = (cut.panels + cut.panelsEach - 1) / cut.panelsEach
        let (row, column) = (part / columnParts * cut.rowsEach, part % columnParts * cut.panelsEach)
        var product = product
        product.left += batches[batch].left
        product.right += batches[batch].right
        product.output += batch * outputSize
        if let residual = product.residual { product.residual = residual + batch * outputSize }
        var region = fathom_product_region(
            first_row: Int32(row), last_row: Int32(min(row + cut.rowsEach, cut.rows)),
            first_panel: Int32(column), last_panel: Int32(min(column + cut.panelsEach, cut.panels)))
        kernels.table.multiply(&product, &region)
    }
}

/// Packs the right sides of products; a chunk is one panel.
private struct PackStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.
    let source: UnsafePointer<Float>
    let target: UnsafeMutablePointer<Float>
    let row: Int
    let column: Int
    let columns: Int
    let depth: Int
    let count: Int
    let kernels: MatrixKernels

    private var panels: Int { (columns + kernels.panel - 1) / kernels.panel }
    var chunks: Int { count * panels }

    func run(_ chunk: Int) {
        let (matrix, panel) = (chunk / panels, Int32(chunk % panels))
        kernels.table.pack(
            source + matrix * columns * depth, row, column, Int32(columns), Int32(depth),
            target + matrix * panels * kernels.panel * depth, panel, panel + 1)
    }
}

/// The C kernels for products and attention at one instruction set.
struct MatrixKernels: @unchecked Sendable {
    // Sendable: pointers to functions and numbers, none of which change.
    let table: fathom_matrix_kernels

    init(_ instructionSet: InstructionSet) {
        table = fathom_matrix_kernels_at(instructionSet.code).pointee
    }

    /// Columns of a panel.
    var panel: Int { Int(table.panel) }

    /// Constant matrices, packed; the factor is taken in.
    func packed(_ weights: Tensor, rows: Int, columns: Int, isTransposed: Bool, factor: Float)
        -> Tensor
    {
        let panels = (columns + panel - 1) / panel
        let count = weights.count / max(rows * columns, 1)
        let result = Tensor(shape: [count * panels * panel * rows])
        result.withUnsafeMutableBuffer { target in
            weights.withUnsafeBuffer { source in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for matrix in 0..<count {
                    table.pack(
                        from + matrix * rows * columns, isTransposed ? 1 : columns,
                        isTransposed ? rows : 1, Int32(columns), Int32(rows),
                        to + matrix * panels * panel * rows, 0, Int32(panels))
                }
            }
            if factor != 1 { for index in target.indices { target[index] *= factor } }
        }
        return result
    }
}

extension Planner {
    /// Plans a matrix product of at least one element.
    mutating func lowerMatrix(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let product = try MatrixProduct(operands)
        guard product.outputShape.count > 0, product.depth > 0 else { return false }
        let kernels = MatrixKernels(instructionSet)
        let weights = facts[node.inputs[1]]?.constant?.tensor
        let isFused = node.operation == Operator.fusedProduct
        // The factor of a product goes into its weights.
        guard product.alpha == 1 || weights != nil,
            let ends = try productEnds(node, product, isFused: isFused, panel: kernels.panel)
        else { return false }
        let panels = (product.columns + kernels.panel - 1) / kernels.panel
        let packedSize = panels * kernels.panel * product.depth
        let left = try operand(node.inputs[0], .planar)
        let right: Place
        if let weights {
            right = .constant(
                kernels.packed(
                    weights, rows: product.depth, columns: product.columns,
                    isTransposed: product.transposesRight, factor: product.alpha))
        } else {
            right = try appendPacking(node, product, kernels, packedSize)
        }
        var (rows, batches) = (product.rows, product.batches)
        let isOneRight = batches.allSatisfy { $0.right == batches[0].right }
        if isOneRight, !product.transposesLeft, batches.enumerated().allSatisfy({ $0 == $1.left }) {
            // Rows of all products are one behind the other.
            rows *= batches.count
            batches = [batches[0]]
        }
        let cut = MatrixStep.Cut(
            rows: rows, panels: panels, panel: kernels.panel, depth: product.depth,
            tile: Int(kernels.table.tile), batches: batches.count)
        let steps = batches.map {
            MatrixStep.Batch(
                left: $0.left * product.rows * product.depth, right: $0.right * packedSize)
        }
        var c = fathom_product()
        c.left_row = product.transposesLeft ? 1 : product.depth
        c.left_column = product.transposesLeft ? product.rows : 1
        c.output_row = product.columns
        c.columns = Int32(product.columns)
        c.depth = Int32(product.depth)
        (c.minimum, c.maximum) = (-.infinity, .infinity)
        if let activation = ends.activation {
            if activation.function == FATHOM_CLIP {
                (c.minimum, c.maximum) = (activation.a, activation.b)
            } else {
                c.has_activation = 1
                (c.activation, c.a, c.b) = (activation.function, activation.a, activation.b)
            }
        }
        let output = try result(node.outputs[0], .planar)
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: [left, right] + [ends.bias, ends.residual].compactMap { $0 },
                writes: [output], worksInPlace: false
            ) { [c = ProductSettings(product: c), rows] memory in
                var c = c.product
                c.left = memory.readable(left)
                c.right = memory.readable(right)
                c.bias = ends.bias.map(memory.readable)
                c.residual = ends.residual.map(memory.readable)
                c.output = memory.writable(output)
                return MatrixStep(
                    c, batches: steps, outputSize: rows * product.columns, cut: cut,
                    kernels: kernels)
            })
        return true
    }

    private struct ProductSettings: @unchecked Sendable {
        // Sendable: its pointers are not set here.
        let product: fathom_product
    }

    /// What is added to a product and applied to it.
    private struct ProductEnds: Sendable {
        var bias: Place?
        var residual: Place?
        var activation: UnaryKernel?
    }

    /// Nil where the kernel cannot do it.
    private mutating func productEnds(
        _ node: Node, _ product: MatrixProduct, isFused: Bool, panel: Int
    ) throws(FathomError) -> ProductEnds? {
        var ends = ProductEnds()
        if isFused, let activation = node.productActivation {
            guard
                let kernel = try UnaryKernel(
                    Operands(activation, [nil], operatorSet: graph.operatorSet))
            else { return nil }
            ends.activation = kernel
        }
        if isFused, node.inputs.count > 3 {
            ends.residual = try operand(node.inputs[3], .planar)
        }
        guard node.inputs.count > 2, !node.inputs[2].isEmpty else { return ends }
        let name = node.inputs[2]
        let shape = try shape(name)
        if let constant = facts[name]?.constant?.tensor,
            shape.count == 1
                || (shape.count == product.columns && shape.dimensions.last == shape.count)
        {
            // Filled up to whole panels.
            let count = (product.columns + panel - 1) / panel * panel
            let bias = Tensor(shape: [count])
            let values = constant.values
            bias.withUnsafeMutableBuffer { target in
                for column in 0..<product.columns {
                    target[column] =
                        (isFused ? 1 : product.beta) * values[values.count == 1 ? 0 : column]
                }
            }
            ends.bias = .constant(bias)
        } else if shape == product.outputShape, product.beta == 1, ends.residual == nil {
            ends.residual = try operand(name, .planar)
        } else {
            return nil
        }
        return ends
    }

    /// Adds a step that packs a right side which is computed.
    private mutating func appendPacking(
        _ node: Node, _ product: MatrixProduct, _ kernels: MatrixKernels, _ packedSize: Int
    ) throws(FathomError) -> Place {
        let source = try operand(node.inputs[1], .planar)
        let count = (try shape(node.inputs[1])).count / (product.columns * product.depth)
        let target = newBuffer(count * packedSize)
        append(
            PlannedStep(
                node: node.name, operation: "pack", reads: [source], writes: [target],
                worksInPlace: false
            ) { memory in
                PackStep(
                    source: memory.readable(source), target: memory.writable(target),
                    row: product.transposesRight ? 1 : product.columns,
                    column: product.transposesRight ? product.depth : 1, columns: product.columns,
                    depth: product.depth, count: count, kernels: kernels)
            })
        return .buffer(target)
    }
}
