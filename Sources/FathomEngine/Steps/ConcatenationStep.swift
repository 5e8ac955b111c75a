import FathomCore
import FathomGraph

/// Copies the parts of tensors behind each other; a chunk is one operand.
struct ConcatenationStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.

    /// An operand: where it lies, how many numbers go into each run of the output, and after how many.
    struct Part {
        let source: UnsafePointer<Float>
        let length: Int
        let start: Int
    }

    let parts: [Part]
    let target: UnsafeMutablePointer<Float>
    /// Runs of the output, one for each index of the axes before the one that is joined.
    let runs: Int
    /// Numbers of a run.
    let runLength: Int

    var chunks: Int { parts.count }

    func run(_ chunk: Int) {
        let part = parts[chunk]
        for run in 0..<runs {
            (target + run * runLength + part.start).update(
                from: part.source + run * part.length, count: part.length)
        }
    }
}

extension Planner {
    /// Plans a concatenation: blocked where channels are joined block by block, planar otherwise.
    mutating func lowerConcatenation(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let first = operands.inputs.first.flatMap({ $0?.shape }) else { return false }
        let stated =
            if case .integer(let axis)? = node.attributes["axis"] { axis } else { 1 }
        let axis = stated < 0 ? stated + first.rank : stated
        let shapes = operands.inputs.compactMap { $0?.shape }
        let joinsBlocks =
            axis == 1 && first.rank == 4
            && shapes.dropLast().allSatisfy { $0[1] % Kernels.block == 0 }
        let isBlocked = joinsBlocks && node.inputs.allSatisfy { self.layout($0) == .blocked }
        let layout: Layout = isBlocked ? .blocked : .planar
        var places: [Place] = []
        for name in node.inputs { places.append(try operand(name, layout)) }
        let target = try result(node.outputs[0], layout)
        let runs = first.dimensions[..<axis].reduce(1, *)
        let lengths = shapes.map { Self.count($0, layout) / max(runs, 1) }
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: places, writes: [target],
                worksInPlace: false
            ) { [places] memory in
                var start = 0
                let parts = zip(places, lengths).map { place, length in
                    defer { start += length }
                    return ConcatenationStep.Part(
                        source: memory.readable(place), length: length, start: start)
                }
                return ConcatenationStep(
                    parts: parts, target: memory.writable(target), runs: runs, runLength: start)
            })
        return true
    }
}
