import CKernels
import FathomCore
import Testing

/// Bytes with others after their end that must stay.
private final class GuardedBytes {
    private static let margin = Int(FATHOM_QUANTIZED_MARGIN)
    let pointer: UnsafeMutablePointer<UInt8>
    let count: Int

    init(_ count: Int, _ value: (Int) -> UInt8 = { _ in 0 }) {
        self.count = count
        pointer = .allocate(capacity: count + Self.margin)
        for index in 0..<count { pointer[index] = value(index) }
        (pointer + count).initialize(repeating: 0xA5, count: Self.margin)
    }

    deinit { pointer.deallocate() }

    var values: [UInt8] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
    var isIntact: Bool { (count..<count + Self.margin).allSatisfy { pointer[$0] == 0xA5 } }
}

private let scalar = fathom_quantized_kernels_at(FATHOM_ISA_SCALAR).pointee
private let available = [FATHOM_ISA_AVX2, FATHOM_ISA_AVX512]
    .filter { $0.rawValue <= fathom_isa_available().rawValue }
    .map { fathom_quantized_kernels_at($0).pointee }

/// A convolution with numbers made from a seed.
private struct Case {
    let isDepthwise: Bool
    let inputs: Int
    let outputs: Int
    let kernelHeight: Int
    let kernelWidth: Int
    let stride: Int
    let dilation: Int
    let rows: Int
    let columns: Int
    let addsResidual: Bool

    init(_ random: inout SeededRandom) {
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        isDepthwise = number(0...1) == 0
        let channels = isDepthwise ? number(5...70) : number(1...40)
        inputs = channels
        outputs = isDepthwise ? channels : number(0...3) == 0 ? number(1...4) : number(5...70)
        kernelHeight = number(1...6)
        kernelWidth = number(0...2) == 0 ? number(1...6) : kernelHeight
        stride = number(1...3)
        dilation = number(1...2)
        rows = number(1...4)
        columns = number(1...29)
        addsResidual = number(0...1) == 0
    }

    private func random(_ seed: Int) -> (Int) -> UInt8 {
        var random = SeededRandom(UInt64(seed))
        return { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// The bytes that a table of kernels writes; nil if it wrote elsewhere.
    func run(_ kernels: fathom_quantized_kernels) -> [UInt8]? {
        let inputLanes = inputs <= 4 ? 4 : 16
        let outputLanes = outputs <= 4 ? 4 : 16
        let (inputPlanes, blocks) = ((inputs + 15) / 16, (outputs + 15) / 16)
        let height = (rows - 1) * stride + (kernelHeight - 1) * dilation + 1
        let width = (columns - 1) * stride + (kernelWidth - 1) * dilation + 1
        let input = GuardedBytes(inputPlanes * height * width * inputLanes, random(1))
        let quads = (inputs + 3) / 4
        let weight = random(2)
        let weights: GuardedBytes
        if isDepthwise {
            let groups = (kernelHeight + 3) / 4
            weights = GuardedBytes(blocks * groups * kernelWidth * 64) { index in
                let row = index / 64 / kernelWidth % groups * 4 + index % 4
                return row < kernelHeight ? weight(index) : 0
            }
        } else {
            weights = GuardedBytes(blocks * kernelHeight * kernelWidth * quads * 64) { index in
                let block = index / 64 / quads / kernelHeight / kernelWidth
                return block * 16 + index / 4 % 16 < outputs ? weight(index) : 0
            }
        }
        let bias = (0..<blocks * 16).map { $0 < outputs ? Int32($0 * 977 % 8000) - 4000 : 0 }
        let depth = Float(kernelHeight * kernelWidth * (isDepthwise ? 1 : inputs))
        let scale = (0..<blocks * 16).map { channel -> Float in
            channel < outputs ? (1 + Float(channel % 7) / 7) / (60 * depth) : 0
        }
        let residual = GuardedBytes(blocks * rows * columns * outputLanes, random(3))
        let output = GuardedBytes(blocks * rows * columns * outputLanes)
        bias.withUnsafeBufferPointer { bias in
            scale.withUnsafeBufferPointer { scale in
                var conv = fathom_quantized_conv()
                conv.input = UnsafePointer(input.pointer)
                conv.weights = UnsafeRawPointer(weights.pointer).assumingMemoryBound(to: Int8.self)
                conv.bias = bias.baseAddress
                conv.scale = scale.baseAddress
                conv.residual = addsResidual ? UnsafePointer(residual.pointer) : nil
                conv.output = output.pointer
                conv.input_row = width * inputLanes
                conv.input_block = height * width * inputLanes
                conv.output_row = columns * outputLanes
                conv.output_block = rows * columns * outputLanes
                (conv.input_lanes, conv.output_lanes) = (Int32(inputLanes), Int32(outputLanes))
                (conv.input_quads, conv.output_channels) = (Int32(quads), Int32(outputs))
                (conv.rows, conv.columns) = (Int32(rows), Int32(columns))
                (conv.kernel_height, conv.kernel_width) = (Int32(kernelHeight), Int32(kernelWidth))
                (conv.stride_y, conv.stride_x) = (Int32(stride), Int32(stride))
                (conv.dilation_y, conv.dilation_x) = (Int32(dilation), Int32(dilation))
                (conv.zero, conv.low, conv.high) = (117, 3, 250)
                (conv.own_factor, conv.residual_factor) = (0.7, 0.3)
                (conv.residual_zero, conv.sum_zero) = (99, 120)
                (conv.sum_low, conv.sum_high) = (2, 251)
                (isDepthwise ? kernels.depthwise : kernels.dense)(&conv, 0, Int32(blocks))
            }
        }
        return output.isIntact ? output.values : nil
    }
}

@Suite("kernels for 8-bit numbers")
struct QuantizedKernelTests {
    @Test("convolutions give the same bytes at every instruction set")
    func convolutions() {
        var random = SeededRandom(5)
        for _ in 0..<300 {
            let example = Case(&random)
            let expected = example.run(scalar)
            #expect(expected != nil)
            for kernels in available { #expect(example.run(kernels) == expected, "\(example)") }
        }
    }

    @Test("sums and tables give the same bytes at every instruction set and length")
    func elementwise() {
        var sum = fathom_quantized_sum(
            left_factor: 0.61, right_factor: 0.37, left_zero: 12, right_zero: 200, zero: 90,
            low: 4, high: 240)
        let table = (0..<256).map { UInt8(($0 * 167 + 13) % 256) }
        for count in [0, 1, 15, 16, 17, 63, 64, 65, 200] {
            let left = GuardedBytes(count) { UInt8($0 * 89 % 256) }
            let right = GuardedBytes(count) { UInt8($0 * 151 % 256) }
            var sums: [[UInt8]] = []
            for kernels in [scalar] + available {
                let output = GuardedBytes(count)
                kernels.add(&sum, left.pointer, right.pointer, output.pointer, count)
                #expect(output.isIntact)
                sums.append(output.values)
                kernels.map(table, left.pointer, output.pointer, count)
                #expect(output.isIntact)
                #expect(output.values == left.values.map { table[Int($0)] })
            }
            #expect(sums.allSatisfy { $0 == sums[0] })
        }
    }

    @Test("numbers become bytes and bytes numbers, channel by channel")
    func conversions() {
        for kernels in [scalar] + available {
            for (channels, lanes) in [(1, 4), (3, 4), (4, 4), (5, 16), (16, 16)] {
                for count in [1, 7, 16, 33] {
                    let numbers = Guarded(channels * count) { Float($0 * 29 % 400) / 8 - 20 }
                    let bytes = GuardedBytes(count * lanes)
                    kernels.quantize(
                        numbers.pointer, count, 1, Int32(channels), 0.25, 100, bytes.pointer,
                        Int32(lanes), count)
                    #expect(bytes.isIntact)
                    let back = Guarded(channels * count)
                    kernels.dequantize(
                        bytes.pointer, Int32(lanes), 0.25, 100, back.pointer, count, 1,
                        Int32(channels), count)
                    #expect(back.isIntact)
                    for index in 0..<channels * count {
                        let (channel, pixel) = index.quotientAndRemainder(dividingBy: count)
                        let stored = (numbers.values[index] / 0.25).rounded(.toNearestOrEven) + 100
                        let expected = min(max(stored, 0), 255)
                        #expect(Float(bytes.values[pixel * lanes + channel]) == expected)
                        #expect(back.values[index] == (expected - 100) * 0.25)
                    }
                }
            }
        }
    }

    @Test("interpolation rounds the exact value, halves to the even number")
    func interpolation() {
        let (width, count) = (5, 10)
        let columns = (0..<count).flatMap { x -> [Int32] in
            let left = max((x + 1) / 2 - 1, 0)
            return [Int32(left), Int32(min((x + 1) / 2, width - 1))]
        }
        let eighths = (0..<count).map { Int32($0 % 2 == 0 ? 6 : 2) }
        for kernels in [scalar] + available {
            for lanes in [4, 16] {
                let upper = GuardedBytes(width * lanes) { UInt8($0 * 71 % 256) }
                let lower = GuardedBytes(width * lanes) { UInt8($0 * 43 % 256) }
                let scratch = Guarded(width * lanes + Int(FATHOM_QUANTIZED_MARGIN))
                let exact = GuardedBytes(count * lanes)
                kernels.resize_eighths(
                    upper.pointer, lower.pointer, 2, columns, eighths, exact.pointer,
                    Int32(lanes), width, count,
                    UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: UInt16.self))
                let general = GuardedBytes(count * lanes)
                kernels.resize_any(
                    upper.pointer, lower.pointer, 0.25, columns, eighths.map { Float($0) / 8 },
                    general.pointer, Int32(lanes), width, count, scratch.pointer)
                #expect(exact.isIntact && general.isIntact)
                // These weights are exact in single precision, too.
                #expect(exact.values == general.values)
                for index in 0..<count * lanes {
                    let (x, lane) = index.quotientAndRemainder(dividingBy: lanes)
                    func column(_ tap: Int) -> Float {
                        let place = Int(columns[2 * x + tap]) * lanes + lane
                        return 0.75 * Float(upper.values[place]) + 0.25 * Float(lower.values[place])
                    }
                    let right = Float(eighths[x]) / 8
                    let value = column(0) * (1 - right) + column(1) * right
                    #expect(Float(exact.values[index]) == value.rounded(.toNearestOrEven))
                }
            }
        }
    }

    @Test("greatest numbers and picked pixels are those of the input")
    func movement() {
        for kernels in [scalar] + available {
            for lanes in [4, 16] {
                let input = GuardedBytes(9 * lanes) { UInt8($0 * 97 % 256) }
                let taps: [UnsafePointer<UInt8>?] = (0..<3).map {
                    UnsafePointer(input.pointer + $0 * lanes)
                }
                let output = GuardedBytes(4 * lanes)
                kernels.greatest(taps, 3, 2 * lanes, output.pointer, Int32(lanes), 4)
                #expect(output.isIntact)
                for index in 0..<4 * lanes {
                    let first = index / lanes * 2 * lanes + index % lanes
                    let under = (0..<3).map { input.values[first + $0 * lanes] }
                    #expect(output.values[index] == under.max())
                }
                kernels.pick(input.pointer, [8, 0, 0, 5], output.pointer, Int32(lanes), 4)
                #expect(output.isIntact)
                let expected = [8, 0, 0, 5].flatMap { input.values[$0 * lanes..<($0 + 1) * lanes] }
                #expect(output.values == expected)
            }
        }
    }
}
