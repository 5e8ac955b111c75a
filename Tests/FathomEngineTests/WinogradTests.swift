import CKernels
import FathomCore
import FathomEngine
import FathomGraph
import Testing

/// One convolution of one picture by the kernel, cut into parts of some tiles and one group of channels each.
private struct Case {
    let inputs: Int
    let outputs: Int
    let height: Int
    let width: Int
    let pad: Int
    let tile: Int
    var kernel = 3

    private var outputHeight: Int { height + 2 * pad - kernel + 1 }
    private var outputWidth: Int { width + 2 * pad - kernel + 1 }
    private var taps: Int { kernel * kernel }
    /// Pieces of 3×3 taps.
    private var pieces: Int { (kernel + 2) / 3 * ((kernel + 2) / 3) }
    private var inputBlocks: Int { (inputs + 7) / 8 }
    private var outputBlocks: Int { (outputs + 7) / 8 }
    private var outputPlane: Int { outputHeight * outputWidth * 8 }

    /// The kernel's output, or nil if it wrote where it must not.
    func run(_ kernels: fathom_network_kernels, residual: Guarded, tilesEach: Int) -> [Float]? {
        let group = Int(kernels.group_blocks)
        // What fills up the last block must not matter.
        let input = Guarded(inputBlocks * height * width * 8) { index in
            index / (height * width * 8) * 8 + index % 8 < inputs ? wave(index) : .nan
        }
        let given = Guarded(outputs * inputs * taps, wave)
        let points = (tile + 2) * (tile + 2)
        let weights = Guarded(outputBlocks * 8 * pieces * inputs * points)
        var size = fathom_winograd_size(
            outputs: Int32(outputs), inputs: Int32(inputs), kernel_height: Int32(kernel),
            kernel_width: Int32(kernel), tile: Int32(tile), is_turned: 0,
            output_step: inputs * taps, input_step: taps)
        for part in 0...(outputBlocks - 1) / group {
            kernels.winograd_weights(given.pointer, &size, Int32(part), weights.pointer)
        }
        let bias = Guarded(outputBlocks * 8, wave)
        let output = Guarded(outputBlocks * outputPlane) { _ in .infinity }
        let scratch = Guarded(
            points
                * (fathom_winograd_point(pieces * inputs, tilesEach)
                    + fathom_winograd_point(8 * min(group, outputBlocks), tilesEach))
        ) { _ in .nan }
        var conv = fathom_conv()
        conv.input = UnsafePointer(input.pointer)
        conv.weights = UnsafePointer(weights.pointer)
        conv.bias = UnsafePointer(bias.pointer)
        conv.residual = UnsafePointer(residual.pointer)
        conv.output = output.pointer
        (conv.input_height, conv.input_width) = (Int32(height), Int32(width))
        (conv.output_height, conv.output_width) = (Int32(outputHeight), Int32(outputWidth))
        (conv.kernel_height, conv.kernel_width) = (Int32(kernel), Int32(kernel))
        (conv.stride_y, conv.stride_x, conv.dilation_y, conv.dilation_x) = (1, 1, 1, 1)
        (conv.pad_top, conv.pad_left) = (Int32(pad), Int32(pad))
        (conv.input_channels, conv.input_lanes) = (Int32(inputs), 8)
        (conv.input_row, conv.input_block) = (width * 8, height * width * 8)
        conv.output_block = outputPlane
        (conv.output_row, conv.output_pixel) = (outputWidth * 8, 8)
        (conv.minimum, conv.maximum) = (-100, 100)
        let tiles = ((outputHeight - 1) / tile + 1) * ((outputWidth - 1) / tile + 1)
        for first in stride(from: 0, to: tiles, by: tilesEach) {
            for block in stride(from: 0, to: outputBlocks, by: group) {
                var part = fathom_winograd(
                    tile: Int32(tile), first_tile: Int32(first),
                    last_tile: Int32(min(first + tilesEach, tiles)), first_block: Int32(block),
                    last_block: Int32(min(block + group, outputBlocks)), input_image: 0,
                    output_image: 0)
                kernels.winograd(&conv, &part, scratch.pointer)
            }
        }
        return output.isIntact && scratch.isIntact && weights.isIntact ? output.values : nil
    }

    func residual() -> Guarded { Guarded(outputBlocks * outputPlane) { wave($0 + 3) } }

    /// The largest difference from the definition in doubles, as a part of the largest sum.
    func error(_ values: [Float], residual: Guarded) -> Double {
        var (worst, largest) = (0.0, 0.0)
        for channel in 0..<outputs {
            for position in 0..<outputHeight * outputWidth {
                let (row, column) = (position / outputWidth, position % outputWidth)
                let place = channel / 8 * outputPlane + position * 8 + channel % 8
                var sum = Double(wave(channel)) + Double(residual.pointer[place])
                for tap in 0..<taps {
                    let (y, x) = (
                        row + tap / kernel - pad, column + tap % kernel - pad
                    )
                    if y < 0 || x < 0 || y >= height || x >= width { continue }
                    for input in 0..<inputs {
                        let element = input / 8 * height * width * 8 + (y * width + x) * 8
                        sum +=
                            Double(wave((channel * inputs + input) * taps + tap))
                            * Double(wave(element + input % 8))
                    }
                }
                largest = max(largest, abs(sum))
                let difference = abs(Double(values[place]) - min(max(sum, -100), 100))
                worst = difference.isNaN ? .infinity : max(worst, difference)
            }
        }
        return worst / largest
    }
}

@Suite("Winograd's convolution")
struct WinogradTests {
    @Test(
        "is within 3e-6 of the definition and keeps to its buffers, for all edges and tails",
        arguments: [2, 4], [0, 1, 2])
    func kernel(tile: Int, pad: Int) {
        let sets = [FATHOM_ISA_SCALAR, FATHOM_ISA_AVX2, FATHOM_ISA_AVX512]
            .filter { $0.rawValue <= fathom_isa_available().rawValue }
        for (inputs, outputs, height, width, tilesEach, kernel) in [
            (8, 8, 3, 3, 1, 3), (9, 17, 6, 11, 3, 3), (16, 25, 5, 30, 13, 3),
            (23, 32, 12, 13, 24, 3), (8, 56, 19, 17, 12, 3), (41, 40, 4, 8, 7, 3),
            (8, 16, 9, 12, 5, 5), (16, 9, 8, 15, 4, 4), (8, 33, 11, 7, 16, 7),
        ] {
            let entry = Case(
                inputs: inputs, outputs: outputs, height: height, width: width, pad: pad,
                tile: tile, kernel: kernel)
            let residual = entry.residual()
            for isa in sets {
                let values = entry.run(
                    fathom_network_kernels_at(isa).pointee, residual: residual,
                    tilesEach: tilesEach)
                let error = values.map { entry.error($0, residual: residual) }
                #expect((error ?? .infinity) < 3e-6, "\(entry) \(isa)")
            }
        }
    }

    private func graph(_ inputs: Int, _ outputs: Int, kernel: Int = 3) throws -> Graph {
        try Graph(
            name: "convolution", inputs: [ValueInfo(name: "x", dimensions: nil)],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node(
                    "Conv", inputs: ["x", "w", "b"], outputs: ["c"],
                    attributes: ["pads": .integers(Array(repeating: kernel / 2, count: 4))]),
                Node("Relu", inputs: ["c"], outputs: ["y"]),
            ],
            initializers: [
                "w": .floats(numbers([outputs, inputs, kernel, kernel], seed: 3)),
                "b": .floats(numbers([outputs], seed: 4)),
            ])
    }

    @Test(
        "is chosen where it pays, gives what the direct one gives, and can be switched off",
        arguments: [
            (32, 40, 30, 50, 3), (96, 160, 7, 9, 3), (65, 33, 20, 20, 3), (32, 32, 32, 40, 7),
        ])
    func choice(inputs: Int, outputs: Int, height: Int, width: Int, kernel: Int) throws {
        let graph = try graph(inputs, outputs, kernel: kernel)
        let input = numbers([2, inputs, height, width], seed: 1)
        var results: [[Float]] = []
        for (threads, disabled) in [(1, ["winograd"]), (1, []), (2, []), (5, [])] {
            let options = SessionOptions(
                pool: WorkerPool(threads: threads), disabledPasses: Set(disabled))
            let session = try Session(
                graph, inputShapes: ["x": input.shape], options: options)
            #expect(
                try session.profile().contains { $0.operation.contains("Winograd") }
                    == disabled.isEmpty)
            results.append(try #require(try session.run(["x": input])["y"]).values)
        }
        let worst = zip(results[0], results[1]).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 3e-6 * (results[0].max() ?? 0))
        #expect(results[1] == results[2])
        #expect(results[1] == results[3])
    }

    @Test("is not chosen for few pixels, other windows and strides", arguments: [1, 2])
    func notChosen(stride: Int) throws {
        var graph = try graph(32, 32)
        graph.nodes[0].attributes["strides"] = .integers([stride, stride])
        let input = numbers(stride == 1 ? [1, 32, 1, 2] : [1, 32, 40, 40], seed: 1)
        let session = try Session(graph, inputShapes: ["x": input.shape])
        #expect(try session.profile().allSatisfy { !$0.operation.contains("Winograd") })
    }
}
