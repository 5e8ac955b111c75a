import CKernels
import FathomCore
import FathomGraph

/// Rows brought to a common mean and size; a chunk is some rows.
struct NormalizationStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.

    /// The sizes of the work.
    struct Sizes: Sendable {
        /// How many rows.
        let rows: Int
        /// Numbers of a row.
        let length: Int
        /// Numbers that share a scale and a shift.
        let period: Int
        /// Rows after which scales begin anew, and scales from row to row.
        let cycle: Int
        let step: Int
    }

    let sizes: Sizes
    let norm: fathom_norm
    let input: UnsafePointer<Float>
    let output: UnsafeMutablePointer<Float>
    let kernels: TensorKernels

    private var rowsEach: Int { max(1, ElementwiseStep.length / max(sizes.length, 1)) }
    var chunks: Int { (sizes.rows + rowsEach - 1) / rowsEach }

    func run(_ chunk: Int) {
        for row in chunk * rowsEach..<min((chunk + 1) * rowsEach, sizes.rows) {
            var norm = norm
            let start = row % sizes.cycle * sizes.step
            if let scale = norm.scale { norm.scale = scale + start }
            if let shift = norm.shift { norm.shift = shift + start }
            kernels.table.normalize(
                &norm, input + row * sizes.length, output + row * sizes.length, sizes.length)
        }
    }
}

/// Softmax along an axis; a chunk is some rows or columns.
struct SoftmaxStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.

    /// How the numbers lie: `outer` groups of `length` times `inner`.
    let outer: Int
    let length: Int
    let inner: Int
    let isLogarithm: Bool
    let input: UnsafePointer<Float>
    let output: UnsafeMutablePointer<Float>
    let kernels: TensorKernels

    /// Columns of a chunk.
    private static let width = 64
    private var rowsEach: Int { max(1, ElementwiseStep.length / max(length, 1)) }
    private var strips: Int { (inner + Self.width - 1) / Self.width }
    var chunks: Int { inner == 1 ? (outer + rowsEach - 1) / rowsEach : outer * strips }

    func run(_ chunk: Int) {
        let logarithm: Int32 = isLogarithm ? 1 : 0
        guard inner == 1 else {
            let first = chunk % strips * Self.width
            let start = chunk / strips * length * inner + first
            kernels.table.softmax_columns(
                input + start, output + start, length, inner, min(Self.width, inner - first),
                logarithm)
            return
        }
        for row in chunk * rowsEach..<min((chunk + 1) * rowsEach, outer) {
            kernels.table.softmax(input + row * length, output + row * length, length, logarithm)
        }
    }
}

extension Node {
    /// A whole-number attribute, or what is meant where it is absent.
    func whole(_ name: String, _ fallback: Int) -> Int {
        if case .integer(let value)? = attributes[name] { value } else { fallback }
    }

    /// A number attribute, or what is meant where it is absent.
    func number(_ name: String, _ fallback: Float) -> Float {
        if case .float(let value)? = attributes[name] { value } else { fallback }
    }
}

extension Planner {
    /// Plans Layer-, RMS-, Instance- and GroupNormalization, whose results beyond the first nobody reads.
    mutating func lowerNormalization(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let shape = try shape(node.inputs[0])
        guard shape.count > 0, node.outputs.dropFirst().allSatisfy(\.isEmpty),
            let sizes = normalizationSizes(node, shape)
        else { return false }
        let parameters = node.inputs.dropFirst()
        let wanted =
            sizes.period == 1 ? sizes.length : sizes.cycle * sizes.step
        for name in parameters where !name.isEmpty {
            guard try self.shape(name).count == wanted else { return false }
        }
        let input = try operand(node.inputs[0], .planar)
        var places: [Place?] = [nil, nil]
        for (index, name) in parameters.enumerated() where !name.isEmpty {
            places[index] = try operand(name, .planar)
        }
        let output = try result(node.outputs[0], .planar)
        let epsilon = node.number("epsilon", 1e-5)
        let keepsMean: Int32 = node.operation == "RMSNormalization" ? 1 : 0
        let kernels = TensorKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: [input] + places.compactMap { $0 }, writes: [output], worksInPlace: true
            ) { [places] memory in
                NormalizationStep(
                    sizes: sizes,
                    norm: fathom_norm(
                        epsilon: epsilon, keeps_mean: keepsMean,
                        scale: places[0].map(memory.readable),
                        shift: places[1].map(memory.readable), period: sizes.period),
                    input: memory.readable(input), output: memory.writable(output),
                    kernels: kernels)
            })
        return true
    }

    private func normalizationSizes(_ node: Node, _ shape: Shape) -> NormalizationStep.Sizes? {
        switch node.operation {
        case "LayerNormalization", "RMSNormalization":
            let stated = node.whole("axis", -1)
            let axis = stated < 0 ? stated + shape.rank : stated
            let length = shape.dimensions[axis...].reduce(1, *)
            return NormalizationStep.Sizes(
                rows: shape.count / length, length: length, period: 1, cycle: 1, step: 0)
        case "InstanceNormalization", "GroupNormalization":
            let channels = shape[1]
            let groups =
                node.operation == "GroupNormalization" ? node.whole("num_groups", 1) : channels
            let plane = shape.count / (shape[0] * channels)
            let each = channels / groups
            // Up to operator set 20 the channels of a group share one number.
            let isShared = groups < channels && facts[node.inputs[1]]?.shape.count == groups
            // A plane of one number would look like a scale for each number of a row.
            guard plane > 1 || isShared else { return nil }
            return NormalizationStep.Sizes(
                rows: shape[0] * groups, length: each * plane,
                period: isShared ? each * plane : plane, cycle: groups,
                step: isShared ? 1 : each)
        default: return nil
        }
    }

    /// Plans Softmax and LogSoftmax.
    mutating func lowerSoftmax(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let shape = try shape(node.inputs[0])
        guard shape.count > 0, shape.rank > 0 else { return false }
        // Before operator set 13 all axes from `axis` on form one group.
        let isOld = graph.operatorSet < 13
        let stated = node.whole("axis", isOld ? 1 : -1)
        let axis = stated < 0 ? stated + shape.rank : stated
        guard shape.dimensions.indices.contains(axis) else { return false }
        let outer = shape.dimensions[..<axis].reduce(1, *)
        let length = isOld ? shape.count / outer : shape[axis]
        let inner = shape.count / outer / length
        let input = try operand(node.inputs[0], .planar)
        let output = try result(node.outputs[0], .planar)
        let kernels = TensorKernels(instructionSet)
        let isLogarithm = node.operation == "LogSoftmax"
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input], writes: [output],
                worksInPlace: true
            ) { memory in
                SoftmaxStep(
                    outer: outer, length: length, inner: inner, isLogarithm: isLogarithm,
                    input: memory.readable(input), output: memory.writable(output),
                    kernels: kernels)
            })
        return true
    }
}
