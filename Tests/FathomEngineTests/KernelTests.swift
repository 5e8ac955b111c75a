import CKernels
import Glibc
import Testing

/// Memory with numbers after its end that must stay.
final class Guarded {
    private static let canary = Float(bitPattern: 0x7FC1_2345)
    private static let margin = 64
    let pointer: UnsafeMutablePointer<Float>
    let count: Int

    init(_ count: Int, _ value: (Int) -> Float = { _ in 0 }) {
        self.count = count
        pointer = .allocate(capacity: count + Self.margin)
        for index in 0..<count { pointer[index] = value(index) }
        (pointer + count).initialize(repeating: Self.canary, count: Self.margin)
    }

    deinit { pointer.deallocate() }

    var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
    var isIntact: Bool {
        (count..<count + Self.margin).allSatisfy {
            pointer[$0].bitPattern == Self.canary.bitPattern
        }
    }
}

func wave(_ index: Int) -> Float { Float((index * 37) % 101) / 25 - 2 }

private let available = [FATHOM_ISA_SCALAR, FATHOM_ISA_AVX2, FATHOM_ISA_AVX512]
    .filter { $0.rawValue <= fathom_isa_available().rawValue }
    .map { fathom_network_kernels_at($0).pointee }

@Suite("kernels of the engine")
struct KernelTests {
    @Test("functions of one number keep to their buffers for every length, in place and not")
    func unary() {
        for kernels in available {
            for count in 0...67 {
                let input = Guarded(count, wave)
                let output = Guarded(count)
                kernels.unary(FATHOM_CLIP, -1, 1, input.pointer, output.pointer, count)
                #expect(output.isIntact)
                #expect(output.values == input.values.map { min(max($0, -1), 1) })
                kernels.unary(FATHOM_MAGNITUDE, 0, 0, input.pointer, input.pointer, count)
                #expect(input.isIntact)
                #expect(input.values == (0..<count).map { abs(wave($0)) })
            }
        }
    }

    @Test("functions of two numbers keep to their buffers for every length and period")
    func binary() {
        for kernels in available {
            for count in 0...67 {
                for period in [1, 8, max(count, 1)] where period != 8 || count % 8 == 0 {
                    let left = Guarded(count, wave)
                    let right = Guarded(max(period, 8)) { wave($0 + 5) }
                    let output = Guarded(count)
                    kernels.binary(
                        FATHOM_SUBTRACT, 1, left.pointer, right.pointer, period, output.pointer,
                        count)
                    #expect(output.isIntact)
                    #expect(
                        output.values
                            == (0..<count).map { wave($0 % period + 5) - wave($0) })
                }
            }
        }
    }

    @Test("functions of one number stay close to the exact ones from −100 to 100")
    func accuracy() {
        let input = Guarded(20001) { Float($0 - 10000) / 100 }
        let functions: [(fathom_unary, (Double) -> Double)] = [
            (FATHOM_SIGMOID, { 1 / (1 + exp(-$0)) }),
            (FATHOM_SOFTPLUS, { $0 > 30 ? $0 : log(1 + exp($0)) }),
            (FATHOM_TANH, { 1 - 2 / (exp(2 * $0) + 1) }),
        ]
        for kernels in available {
            for (function, exact) in functions {
                let output = Guarded(input.count)
                kernels.unary(function, 0, 0, input.pointer, output.pointer, input.count)
                for (x, y) in zip(input.values, output.values) {
                    let expected = exact(Double(x))
                    #expect(abs(Double(y) - expected) <= 1e-6 * max(1, abs(expected)))
                }
            }
        }
    }

    @Test("planar and blocked pictures go over into each other, the filling being zero")
    func reorder() {
        for kernels in available {
            for channels in 1...8 {
                for count in [0, 1, 7, 33] {
                    let planar = Guarded(channels * count, wave)
                    let blocked = Guarded(8 * count) { _ in .nan }
                    let back = Guarded(channels * count)
                    kernels.block(planar.pointer, count, channels, blocked.pointer, count)
                    kernels.unblock(blocked.pointer, back.pointer, count, channels, count)
                    #expect(blocked.isIntact && back.isIntact)
                    #expect(back.values == planar.values)
                    #expect(blocked.values.allSatisfy { !$0.isNaN })
                }
            }
        }
    }

    @Test("interpolation keeps to its buffers", arguments: [1, 2, 4], [1, 8])
    func resize(taps: Int, lanes: Int) {
        for kernels in available {
            for columns in 1...35 {
                let input = Guarded(5 * lanes, wave)
                let positions = (0..<columns * taps).map { Int32($0 % 5) }
                let weights = (0..<columns * taps).map { Float($0 % 3) / 4 }
                let output = Guarded(columns * lanes)
                kernels.resize_columns(
                    input.pointer, output.pointer, columns, lanes, taps, positions, weights)
                #expect(output.isIntact)
                for index in 0..<columns * lanes {
                    let (x, lane) = (index / lanes, index % lanes)
                    let expected = (0..<taps).reduce(Float(0)) { sum, tap in
                        let place = x * taps + tap
                        return sum + weights[place]
                            * input.pointer[Int(positions[place]) * lanes + lane]
                    }
                    #expect(abs(output.pointer[index] - expected) < 1e-5)
                }
            }
        }
    }

    @Test("pixels in another order keep to their row, filled where there is no source")
    func move() {
        for kernels in available {
            for lanes in [1, 8] {
                for count in 0...19 {
                    let input = Guarded(7 * lanes, wave)
                    let columns = (0..<count).map { Int32($0 * 5 % 8 - 1) }
                    let output = Guarded(count * lanes)
                    kernels.move_pixels(input.pointer, columns, count, lanes, 9, output.pointer)
                    #expect(output.isIntact)
                    #expect(
                        output.values
                            == (0..<count * lanes).map { index in
                                let column = Int(columns[index / lanes])
                                return column < 0 ? 9 : wave(column * lanes + index % lanes)
                            })
                }
            }
        }
    }

    @Test("a convolution to few channels writes its region and nothing else")
    func narrowRegion() {
        for kernels in available {
            let (rows, columns) = (5, 43)
            let input = Guarded(16 * rows * columns, wave)
            let weights = Guarded(3 * 9 * 16, wave)
            let bias = Guarded(3, wave)
            let output = Guarded(3 * rows * columns) { _ in .nan }
            var conv = fathom_conv()
            conv.input = UnsafePointer(input.pointer)
            conv.weights = UnsafePointer(weights.pointer)
            conv.bias = UnsafePointer(bias.pointer)
            conv.output = output.pointer
            (conv.input_height, conv.input_width) = (Int32(rows), Int32(columns))
            (conv.output_height, conv.output_width) = (Int32(rows), Int32(columns))
            (conv.kernel_height, conv.kernel_width) = (3, 3)
            (conv.stride_y, conv.stride_x, conv.dilation_y, conv.dilation_x) = (1, 1, 1, 1)
            (conv.pad_top, conv.pad_left) = (1, 1)
            conv.input_channels = 16
            conv.input_lanes = 8
            conv.input_row = columns * 8
            conv.input_block = rows * columns * 8
            conv.output_block = rows * columns
            (conv.minimum, conv.maximum) = (-.infinity, .infinity)
            var region = fathom_region(
                first_row: 1, last_row: 4, first_column: 3, last_column: 42, first_block: 1,
                last_block: 2)
            kernels.narrow(&conv, &region)
            #expect(output.isIntact)
            for index in 0..<output.count {
                let (channel, row, column) = (
                    index / (rows * columns), index / columns % rows, index % columns
                )
                let isInside =
                    channel == 1 && (1..<4).contains(row) && (3..<42).contains(column)
                #expect(output.pointer[index].isNaN == !isInside)
            }
        }
    }

    @Test("convolutions write their region and nothing else")
    func region() {
        for kernels in available {
            for (kernel, isDepthwise) in [(kernels.dense, false), (kernels.depthwise, true)] {
                let (rows, columns, blocks) = (5, 29, 5)
                let plane = rows * columns * 8
                let input = Guarded(blocks * plane, wave)
                let weights = Guarded(9 * blocks * 8 * (isDepthwise ? 1 : blocks * 8), wave)
                let bias = Guarded(blocks * 8, wave)
                let output = Guarded(blocks * plane) { _ in .nan }
                var conv = fathom_conv()
                conv.input = UnsafePointer(input.pointer)
                conv.weights = UnsafePointer(weights.pointer)
                conv.bias = UnsafePointer(bias.pointer)
                conv.output = output.pointer
                conv.input_height = Int32(rows)
                conv.input_width = Int32(columns)
                conv.output_height = Int32(rows)
                conv.output_width = Int32(columns)
                conv.kernel_height = 3
                conv.kernel_width = 3
                (conv.stride_y, conv.stride_x, conv.dilation_y, conv.dilation_x) = (1, 1, 1, 1)
                (conv.pad_top, conv.pad_left) = (1, 1)
                conv.input_channels = Int32(blocks * 8)
                conv.input_lanes = 8
                conv.input_row = columns * 8
                conv.input_block = plane
                conv.output_block = plane
                (conv.output_row, conv.output_pixel) = (columns * 8, 8)
                (conv.minimum, conv.maximum) = (-.infinity, .infinity)
                var region = fathom_region(
                    first_row: 1, last_row: 4, first_column: 2, last_column: 27, first_block: 4,
                    last_block: 5)
                kernel?(&conv, &region)
                #expect(output.isIntact)
                for index in 0..<blocks * plane {
                    let (block, row, column) = (
                        index / plane, index % plane / (columns * 8), index / 8 % columns
                    )
                    let isInside =
                        block == 4 && (1..<4).contains(row) && (2..<27).contains(column)
                    #expect(output.pointer[index].isNaN == !isInside)
                }
            }
        }
    }
}
