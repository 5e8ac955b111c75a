import CKernels
import FathomCore
import FathomGraph

/// Addresses and sizes of a step that makes a picture of bytes from another, a band of rows of a plane at a time.
private struct QuantizedBands: @unchecked Sendable {
    // Sendable: chunks write parts of the target, and of scratch memory, that do not overlap.
    let source: UnsafePointer<UInt8>
    let target: UnsafeMutablePointer<UInt8>
    let scratch: UnsafeMutablePointer<UInt8>
    let input: QuantizedPicture
    let output: QuantizedPicture
    let scratchBytes: Int

    /// Rows of a band.
    private static let rowsEach = 16

    static func count(_ output: QuantizedPicture) -> Int {
        output.images * output.planes * ((output.height + rowsEach - 1) / rowsEach)
    }

    /// Calls `row` with the input plane, the output row, scratch memory of the chunk, and the row's number.
    func step(
        _ row:
            @escaping @Sendable (
                UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>, Int
            ) -> Void
    ) -> QuantizedRunsStep {
        let bands = (output.height + Self.rowsEach - 1) / Self.rowsEach
        return QuantizedRunsStep(count: Self.count(output), length: 1) { chunk, _ in
            let (plane, band) = chunk.quotientAndRemainder(dividingBy: bands)
            let first = band * Self.rowsEach
            for index in first..<min(first + Self.rowsEach, output.height) {
                row(
                    source + plane * input.planeBytes,
                    target + plane * output.planeBytes + index * output.rowBytes,
                    scratch + chunk * scratchBytes, index)
            }
        }
    }
}

extension Planner {
    /// Adds a step that makes the rows of a picture one by one.
    private mutating func appendBands(
        _ node: Node, scratchBytes: Int,
        _ row:
            @escaping @Sendable (
                QuantizedPicture, QuantizedPicture, UnsafePointer<UInt8>,
                UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>, Int
            ) -> Void
    ) throws(FathomError) {
        let source = try operand(node.inputs[0], .quantized)
        let target = try result(node.outputs[0], .quantized)
        let input = QuantizedPicture(try shape(node.inputs[0]))
        let output = QuantizedPicture(try shape(node.outputs[0]))
        let each = (scratchBytes + 63) / 64 * 64
        let scratch = newBuffer(QuantizedPicture.count(each * QuantizedBands.count(output)))
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [source],
                writes: [target, scratch], worksInPlace: false
            ) { memory in
                QuantizedBands(
                    source: memory.bytes(source), target: memory.bytes(target),
                    scratch: memory.bytes(scratch), input: input, output: output,
                    scratchBytes: each
                ).step { plane, line, scratch, index in
                    row(input, output, plane, line, scratch, index)
                }
            })
    }

    /// Plans an interpolation of pictures.
    mutating func lowerQuantizedResize(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        guard let tables = try quantizedResize(operands) else { return false }
        let (rows, columns) = (tables.rows, tables.columns)
        let kernels = QuantizedKernels(instructionSet)
        if rows.taps == 1, columns.taps == 1 {
            try appendPicks(operands.node, rows: rows.positions, columns: columns.positions)
            return true
        }
        let (down, across) = (rows.secondWeights, columns.secondWeights)
        let eighths = (down + across).allSatisfy { ($0 * 8).rounded() == $0 * 8 }
        let steps = across.map { Int32($0 * 8) }
        let lanes = QuantizedPicture(try shape(operands.node.inputs[0])).lanes
        let scratchBytes =
            columns.input * lanes * (eighths ? 2 : 4) + Int(FATHOM_QUANTIZED_MARGIN)
        try appendBands(operands.node, scratchBytes: scratchBytes) {
            input, output, plane, line, scratch, index in
            let upper = plane + Int(rows.positions[2 * index]) * input.rowBytes
            let lower = plane + Int(rows.positions[2 * index + 1]) * input.rowBytes
            let memory = UnsafeMutableRawPointer(scratch)
            if eighths {
                kernels.table.resize_eighths(
                    upper, lower, Int32(down[index] * 8), columns.positions, steps, line,
                    Int32(input.lanes), input.width, output.width,
                    memory.assumingMemoryBound(to: UInt16.self))
            } else {
                kernels.table.resize_any(
                    upper, lower, down[index], columns.positions, across, line,
                    Int32(input.lanes), input.width, output.width,
                    memory.assumingMemoryBound(to: Float.self))
            }
        }
        return true
    }

    /// The tables of an interpolation of the last two axes that a kernel can do.
    func quantizedResize(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> (rows: ResizeTable, columns: ResizeTable)? {
        var node = operands.node
        node.operation = "Resize"
        var facts = operands.inputs
        facts[0] = facts[0].map { Fact($0.shape) }
        let resize = try Resize(
            Operands(node, facts, operatorSet: operands.operatorSet))
        guard resize.isWeightedSum, resize.outputShape.rank == 4, resize.tables[0].isIdentity,
            resize.tables[1].isIdentity
        else { return nil }
        let (rows, columns) = (resize.tables[2], resize.tables[3])
        guard rows.taps == columns.taps, rows.taps <= 2 else { return nil }
        return rows.taps == 1 || (rows.isConvex && columns.isConvex) ? (rows, columns) : nil
    }

    /// Plans padding with numbers of the picture.
    mutating func lowerQuantizedPad(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        guard let (rows, columns) = try quantizedPad(operands) else { return false }
        try appendPicks(operands.node, rows: rows, columns: columns)
        return true
    }

    /// The rows and columns of the input that padding along the last two axes repeats.
    func quantizedPad(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> (rows: [Int32], columns: [Int32])? {
        guard let shape = operands.inputs[0]?.shape, shape.rank == 4,
            shape[2] * shape[3] < 1 << 24, let entry = Operator.table["Pad"]
        else { return nil }
        // Padding the numbers of the pixels tells where each comes from.
        var node = operands.node
        node.operation = "Pad"
        let numbers = Tensor(
            shape: [1, 1, shape[2], shape[3]],
            values: (0..<shape[2] * shape[3]).map { Float($0) })
        var values = operands.inputs.map { $0?.constant }
        values[0] = .floats(numbers)
        let padded = try entry.evaluate(
            Operands(node, values, operatorSet: operands.operatorSet))[0]
        guard let result = padded.tensor?.values, padded.shape.rank == 4,
            padded.shape[0] == 1, padded.shape[1] == 1
        else { return nil }
        let width = padded.shape[3]
        return (
            (0..<padded.shape[2]).map { Int32(result[$0 * width]) / Int32(shape[3]) },
            (0..<width).map { Int32(result[$0]) % Int32(shape[3]) }
        )
    }

    /// Adds a step whose output's pixels are the input's at the given rows and columns.
    private mutating func appendPicks(
        _ node: Node, rows: [Int32], columns: [Int32]
    ) throws(FathomError) {
        let kernels = QuantizedKernels(instructionSet)
        try appendBands(node, scratchBytes: 0) { input, output, plane, line, _, index in
            kernels.table.pick(
                plane + Int(rows[index]) * input.rowBytes, columns, line, Int32(input.lanes),
                output.width)
        }
    }

    /// Plans the greatest numbers under a window.
    mutating func lowerQuantizedMaximumPool(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        guard let window = try quantizedPool(operands) else { return false }
        let (rows, columns) = (window.rows, window.columns)
        let kernels = QuantizedKernels(instructionSet)
        let lanes = QuantizedPicture(try shape(operands.node.inputs[0])).lanes
        let padded =
            (columns.output - 1) * columns.stride + (columns.kernel - 1) * columns.dilation + 1
        let length = max(padded, columns.before + columns.input) * lanes
        try appendBands(
            operands.node, scratchBytes: length + Int(FATHOM_QUANTIZED_MARGIN)
        ) { input, output, plane, line, scratch, index in
            let top = index * rows.stride - rows.before
            // The greatest of each column between zeros, which no number is less than; then along the row.
            scratch.update(repeating: 0, count: length)
            withUnsafeTemporaryAllocation(
                of: UnsafePointer<UInt8>?.self, capacity: max(rows.kernel, columns.kernel)
            ) { taps in
                var count = 0
                for tap in 0..<rows.kernel {
                    let y = top + tap * rows.dilation
                    guard y >= 0, y < rows.input else { continue }
                    taps[count] = plane + y * input.rowBytes
                    count += 1
                }
                kernels.table.greatest(
                    taps.baseAddress, count, input.lanes, scratch + columns.before * input.lanes,
                    Int32(input.lanes), input.width)
                for tap in 0..<columns.kernel {
                    taps[tap] = UnsafePointer(scratch + tap * columns.dilation * input.lanes)
                }
                kernels.table.greatest(
                    taps.baseAddress, columns.kernel, columns.stride * input.lanes, line,
                    Int32(input.lanes), output.width)
            }
        }
        return true
    }

    /// The window of a pool that a kernel can do: never wholly on padding.
    func quantizedPool(_ operands: Operands<Fact>) throws(FathomError) -> Window? {
        guard let input = operands.inputs[0], input.shape.rank == 4 else { return nil }
        let pool = try Pool(
            Operands(
                Node("MaxPool", inputs: [""], outputs: [""], attributes: operands.node.attributes),
                [Fact(input.shape)], operatorSet: operands.operatorSet))
        let window = pool.window
        let isInside = [window.rows, window.columns].allSatisfy { axis in
            axis.before < axis.kernel * axis.dilation && axis.kernel <= 64
                && (0..<axis.output).allSatisfy { output in
                    (0..<axis.kernel).contains {
                        let position = output * axis.stride + $0 * axis.dilation - axis.before
                        return position >= 0 && position < axis.input
                    }
                }
        }
        return isInside ? window : nil
    }

    /// Plans pictures one behind the other: channels of all but the last fill up whole pixels.
    mutating func lowerQuantizedConcatenation(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        let node = operands.node
        var places: [Place] = []
        for name in node.inputs { places.append(try operand(name, .quantized)) }
        let target = try result(node.outputs[0], .quantized)
        let output = QuantizedPicture(try shape(node.outputs[0]))
        let sizes = operands.inputs.compactMap { $0.map { QuantizedPicture($0.shape).imageBytes } }
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: places, writes: [target],
                worksInPlace: false
            ) { [places] memory in
                let parts = places.map { place in
                    QuantizedPart(source: memory.bytes(place), target: memory.bytes(target))
                }
                return QuantizedRunsStep(count: parts.count * output.images, length: 1) {
                    chunk, _ in
                    let (image, index) = chunk.quotientAndRemainder(dividingBy: parts.count)
                    let start = image * output.imageBytes + sizes[..<index].reduce(0, +)
                    (parts[index].target + start).update(
                        from: parts[index].source + image * sizes[index], count: sizes[index])
                }
            })
        return true
    }
}

/// Where a part of a concatenation comes from, and where the whole begins.
private struct QuantizedPart: @unchecked Sendable {
    // Sendable: parts do not overlap.
    let source: UnsafePointer<UInt8>
    let target: UnsafeMutablePointer<UInt8>
}

extension ResizeTable {
    /// The weight of the second of two taps for each output.
    fileprivate var secondWeights: [Float] { (0..<output).map { weights[2 * $0 + 1] } }

    /// Whether two taps share a weight of 1 between them.
    fileprivate var isConvex: Bool {
        taps == 2
            && (0..<output).allSatisfy { index in
                let (first, second) = (weights[2 * index], weights[2 * index + 1])
                return second >= 0 && second <= 1 && abs(first + second - 1) < 1e-6
            }
    }
}
