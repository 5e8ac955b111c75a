import CKernels
import FathomCore
import FathomGraph

/// A run of bytes or pixels at a time; a chunk is one run.
struct QuantizedRunsStep: Step, Sendable {
    /// What a chunk does: first byte or pixel and count.
    typealias Body = @Sendable (_ first: Int, _ count: Int) -> Void

    let count: Int
    let length: Int
    let body: Body

    var chunks: Int { (count + length - 1) / length }

    func run(_ chunk: Int) {
        let first = chunk * length
        body(first, min(length, count - first))
    }
}

/// Addresses that chunks of bytes use.
private struct ByteAddresses: @unchecked Sendable {
    // Sendable: chunks write parts of the target that do not overlap.
    let left: UnsafePointer<UInt8>
    let right: UnsafePointer<UInt8>
    let target: UnsafeMutablePointer<UInt8>
}

/// Addresses of a picture of bytes and one of numbers.
private struct MixedAddresses: @unchecked Sendable {
    // Sendable: chunks write parts of one of them that do not overlap.
    let bytes: UnsafeMutablePointer<UInt8>
    let numbers: UnsafeMutablePointer<Float>
}

extension Planner {
    /// Bytes of a chunk.
    private static let runLength = 32768
    /// Pixels of a chunk between numbers and bytes.
    private static let pixelRun = 4096

    /// Plans a sum of two tensors of the same shape.
    mutating func lowerQuantizedAddition(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let a = QuantizedScale(operands, scale: 1, zero: 2),
            let b = QuantizedScale(operands, scale: 4, zero: 5),
            let y = QuantizedScale(operands, scale: 6, zero: 7)
        else { return false }
        let rule = QuantizedSum(
            left: (a.scale, a.zero), right: (b.scale, b.zero), result: (y.scale, y.zero))
        let limits = try QuantizedLimits(node, "low", "high", y.type)
        let offset = QuantizedPicture.offset(y.type)
        let sum = fathom_quantized_sum(
            left_factor: rule.leftFactor, right_factor: rule.rightFactor,
            left_zero: Int32(a.zero), right_zero: Int32(b.zero), zero: Int32(y.zero),
            low: Int32(limits.low + offset), high: Int32(limits.high + offset))
        let left = try operand(node.inputs[0], .quantized)
        let right = try operand(node.inputs[3], .quantized)
        let output = try result(node.outputs[0], .quantized)
        let count = QuantizedPicture(try shape(node.outputs[0])).bytes
        let kernels = QuantizedKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [left, right], writes: [output],
                worksInPlace: true
            ) { memory in
                let place = ByteAddresses(
                    left: memory.bytes(left), right: memory.bytes(right),
                    target: memory.bytes(output))
                return QuantizedRunsStep(count: count, length: Self.runLength) { first, count in
                    var sum = sum
                    kernels.table.add(
                        &sum, place.left + first, place.right + first, place.target + first, count)
                }
            })
        return true
    }

    /// Plans a function of one number.
    mutating func lowerQuantizedMap(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let constant = operands.optional(1)?.constant, constant.shape == [256],
            constant.type.byteRange != nil
        else { return false }
        let offset = QuantizedPicture.offset(constant.type)
        let table = constant.integerValues.map { UInt8(clamping: $0 + offset) }
        let input = try operand(node.inputs[0], .quantized)
        let output = try result(node.outputs[0], .quantized)
        let count = QuantizedPicture(try shape(node.outputs[0])).bytes
        let kernels = QuantizedKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input], writes: [output],
                worksInPlace: true
            ) { memory in
                let place = ByteAddresses(
                    left: memory.bytes(input), right: memory.bytes(input),
                    target: memory.bytes(output))
                return QuantizedRunsStep(count: count, length: Self.runLength) { first, count in
                    kernels.table.map(table, place.left + first, place.target + first, count)
                }
            })
        return true
    }

    /// Plans the way from real numbers to bytes.
    mutating func lowerQuantize(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let rule = QuantizedScale(operands, scale: 1, zero: 2) else { return false }
        let input = try operand(node.inputs[0], .planar)
        let output = try result(node.outputs[0], .quantized)
        let kernels = QuantizedKernels(instructionSet)
        try appendConversion(
            node, node.outputs[0], bytes: .buffer(output), numbers: input, reads: [input],
            writes: [output]
        ) { picture, bytes, numbers, channels, count in
            let plane = picture.height * picture.width
            kernels.table.quantize(
                numbers, plane, 1, Int32(channels), rule.scale, Int32(rule.zero), bytes,
                Int32(picture.lanes), count)
        }
        return true
    }

    /// Plans the way from bytes to real numbers.
    mutating func lowerDequantize(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let rule = QuantizedScale(operands, scale: 1, zero: 2) else { return false }
        let input = try operand(node.inputs[0], .quantized)
        let output = try result(node.outputs[0], .planar)
        let kernels = QuantizedKernels(instructionSet)
        try appendConversion(
            node, node.inputs[0], bytes: input, numbers: .buffer(output), reads: [input],
            writes: [output]
        ) { picture, bytes, numbers, channels, count in
            let plane = picture.height * picture.width
            kernels.table.dequantize(
                bytes, Int32(picture.lanes), rule.scale, Int32(rule.zero), numbers, plane, 1,
                Int32(channels), count)
        }
        return true
    }

    /// Adds a step between a picture of bytes and a row-major one of numbers; `body` is given runs of pixels of a plane:
    /// where they begin, how many channels the plane has, and how many pixels.
    private mutating func appendConversion(
        _ node: Node, _ edge: String, bytes: Place, numbers: Place, reads: [Place], writes: [Int],
        _ body:
            @escaping @Sendable (
                QuantizedPicture, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<Float>, Int,
                Int
            ) -> Void
    ) throws(FathomError) {
        let picture = QuantizedPicture(try shape(edge))
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: reads, writes: writes,
                worksInPlace: false
            ) { memory in
                let place = MixedAddresses(
                    bytes: UnsafeMutablePointer(mutating: memory.bytes(bytes)),
                    numbers: UnsafeMutablePointer(mutating: memory.readable(numbers)))
                let plane = picture.height * picture.width
                let runs = (plane + Self.pixelRun - 1) / Self.pixelRun
                return QuantizedRunsStep(count: picture.images * picture.planes * runs, length: 1) {
                    chunk, _ in
                    let (part, run) = chunk.quotientAndRemainder(dividingBy: runs)
                    let (image, block) = part.quotientAndRemainder(dividingBy: picture.planes)
                    let first = run * Self.pixelRun
                    let channel = block * picture.lanes
                    body(
                        picture,
                        place.bytes + part * picture.planeBytes + first * picture.lanes,
                        place.numbers + (image * picture.channels + channel) * plane + first,
                        min(picture.lanes, picture.channels - channel),
                        min(Self.pixelRun, plane - first))
                }
            })
    }
}
