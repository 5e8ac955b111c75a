import CKernels
import FathomCore
import FathomGraph

/// Where the heads of an attention are.
private struct AttentionHeads: @unchecked Sendable {
    // Sendable: the pointers are the arena's and the plan's.
    let attention: StridedAttention
    let base: fathom_attention
    let packedKeys: Int
    let packedValues: Int

    var count: Int { attention.batches * attention.heads }

    func head(_ index: Int) -> fathom_attention {
        let (batch, head) = index.quotientAndRemainder(dividingBy: attention.heads)
        func start(_ view: StridedAttention.View) -> Int {
            view.offset + batch * view.batch + head * view.head
        }
        var result = base
        result.query += start(attention.query)
        result.key += start(attention.key)
        result.value += start(attention.value)
        if let mask = attention.mask, let base = result.mask { result.mask = base + start(mask) }
        result.output += start(attention.output)
        result.packed_keys += index * packedKeys
        result.packed_values += index * packedValues
        return result
    }
}

/// Packs the keys and values of attention; a chunk is a head.
private struct AttentionPackStep: Step {
    let heads: AttentionHeads
    let kernels: MatrixKernels

    var chunks: Int { heads.count }

    func run(_ chunk: Int) {
        var head = heads.head(chunk)
        kernels.table.pack_head(&head)
    }
}

/// Attention on packed keys and values; a chunk is some queries of a head.
private struct AttentionStep: Step {
    let heads: AttentionHeads
    let kernels: MatrixKernels
    private let queriesEach: Int
    private let parts: Int

    /// Multiplications that a chunk should have.
    private static let chunkSize = 1 << 22

    init(heads: AttentionHeads, kernels: MatrixKernels) {
        self.heads = heads
        self.kernels = kernels
        let attention = heads.attention
        let query = attention.keys * (attention.depth + attention.valueDepth)
        queriesEach = max(1, Self.chunkSize / max(query * kernels.panel, 1)) * kernels.panel
        parts = (attention.queries + queriesEach - 1) / queriesEach
    }

    var chunks: Int { heads.count * parts }

    func run(_ chunk: Int) {
        var head = heads.head(chunk / parts)
        let first = chunk % parts * queriesEach
        kernels.table.attend(
            &head, Int32(first), Int32(min(first + queriesEach, heads.attention.queries)))
    }
}

extension Planner {
    /// Plans attention in two steps: packing, and the rest.
    mutating func lowerAttention(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let attention = try StridedAttention(operands)
        let largest = Int(FATHOM_LARGEST_HEAD)
        guard attention.depth <= largest, attention.valueDepth <= largest else { return false }
        let kernels = MatrixKernels(instructionSet)
        var places: [Place] = []
        for name in node.inputs { places.append(try operand(name, .planar)) }
        let (tile, stride) = (Int(kernels.table.tile), Int(kernels.table.tile_stride))
        func tiles(_ count: Int) -> Int { (count + tile - 1) / tile * stride }
        let packedKeys = tiles(attention.keys) * attention.depth
        let packedValues = tiles(attention.valueDepth) * attention.keys
        let heads = attention.batches * attention.heads
        let keys = newBuffer(heads * packedKeys)
        let values = newBuffer(heads * packedValues)
        let bind: @Sendable (Memory, UnsafeMutablePointer<Float>) -> AttentionHeads = {
            [places] memory, output in
            var base = fathom_attention()
            base.query = memory.readable(places[0])
            base.key = memory.readable(places[1])
            base.value = memory.readable(places[2])
            base.mask = places.count > 3 ? memory.readable(places[3]) : nil
            base.output = output
            base.query_row = attention.query.token
            base.query_column = attention.query.component
            base.key_row = attention.key.token
            base.key_column = attention.key.component
            base.value_row = attention.value.token
            base.value_column = attention.value.component
            base.mask_row = attention.mask?.token ?? 0
            base.mask_column = attention.mask?.component ?? 0
            base.output_row = attention.output.token
            base.queries = Int32(attention.queries)
            base.keys = Int32(attention.keys)
            base.depth = Int32(attention.depth)
            base.value_depth = Int32(attention.valueDepth)
            base.scale = attention.scale
            base.packed_keys = memory.writable(keys)
            base.packed_values = memory.writable(values)
            return AttentionHeads(
                attention: attention, base: base, packedKeys: packedKeys,
                packedValues: packedValues)
        }
        append(
            PlannedStep(
                node: node.name, operation: "pack", reads: [places[1], places[2]],
                writes: [keys, values], worksInPlace: false
            ) { memory in
                // Packing writes no output; any address will do.
                AttentionPackStep(
                    heads: bind(memory, memory.writable(keys)), kernels: kernels)
            })
        let output = try result(node.outputs[0], .planar)
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: places + [.buffer(keys), .buffer(values)], writes: [output],
                worksInPlace: false
            ) { memory in
                AttentionStep(heads: bind(memory, memory.writable(output)), kernels: kernels)
            })
        return true
    }
}
