import FathomCore
import FathomEngine
import FathomGraph
import Testing

@Suite("Winograd's convolution in training")
struct WinogradGradientTests {
    /// Pictures, input and output channels, height, width, window and padding of a convolution.
    struct Case: CustomTestStringConvertible {
        var images = 1
        var inputs = 16
        var outputs = 16
        var height = 24
        var width = 32
        var kernel = 3
        var pad = 1
        var bias = false

        var testDescription: String {
            "\(images)×\(inputs)→\(outputs) \(height)×\(width) window \(kernel) pad \(pad)"
        }

        var values: [String: Tensor] {
            var values = [
                "x": numbers([images, inputs, height, width], seed: 1),
                "w": numbers([outputs, inputs, kernel, kernel], seed: 2),
            ]
            if bias { values["b"] = numbers([outputs], seed: 3) }
            return values
        }

        /// The convolution, and the gradients of its sum with factors by all that goes in.
        func graph() throws -> Graph {
            let values = values
            var builder = GraphBuilder(name: "convolution")
            for (name, tensor) in values.sorted(by: { $0.key < $1.key }) {
                builder.input(name, tensor.shape.dimensions.map(Dimension.fixed))
            }
            let result = builder.node(
                "Conv", ["x", "w"] + (bias ? ["b"] : []),
                ["pads": .integers(Array(repeating: pad, count: 4))])
            let grown = 2 * pad - kernel + 1
            let factors = builder.initializer(
                "factors",
                .floats(numbers([images, outputs, height + grown, width + grown], seed: 4)))
            let loss = builder.sum(builder.multiply(result, factors))
            builder.output(loss)
            builder.output(result)
            return try builder.finish().differentiated(
                loss: loss, parameters: values.keys.sorted(),
                inputShapes: values.mapValues(\.shape))
        }
    }

    static let cases = [
        Case(),
        Case(images: 3, inputs: 24, outputs: 40, height: 13, width: 18, bias: true),
        Case(images: 2, inputs: 33, outputs: 17, height: 15, width: 21, pad: 0),
        Case(images: 5, inputs: 64, outputs: 48, height: 7, width: 11),
        Case(images: 2, inputs: 32, outputs: 64, height: 29, width: 63, pad: 2, bias: true),
    ]

    @Test(
        "values and gradients are those of the reference, whatever the threads, with every instruction set",
        arguments: cases)
    func gradients(_ one: Case) throws {
        let graph = try one.graph()
        let values = one.values
        let expected = try graph.evaluate(values.mapValues(Value.floats))
        for set in InstructionSet.available {
            var results: [[String: Tensor]] = []
            for threads in [1, 3] {
                let session = try Session(
                    graph, inputShapes: values.mapValues(\.shape),
                    options: SessionOptions(
                        pool: WorkerPool(threads: threads), instructionSet: set))
                results.append(try session.run(values))
                let steps = Set(try session.profile().map(\.operation))
                for operation in ["Conv", "ConvTranspose", "fathom.ConvolutionWeightGradient"] {
                    #expect(
                        steps.contains {
                            $0.hasPrefix("Winograd") && $0.hasSuffix(" \(operation)")
                        },
                        "\(operation) with \(set)")
                }
            }
            for (name, value) in expected {
                let tensor = try #require(results[0][name])
                #expect(tensor.values == results[1][name]?.values, "\(name) with three threads")
                let error = largestDifference(tensor.values, value.floatValues)
                #expect(error <= 1e-5, "\(name) with \(set): \(error)")
            }
        }
    }

    @Test("weights too many to transform at once give the same, part by part")
    func parts() throws {
        let one = Case(images: 2, inputs: 512, outputs: 520, height: 8, width: 12)
        let graph = try one.graph()
        var results: [[String: Tensor]] = []
        for disabled in [[], ["winograd"]] as [Set<String>] {
            let session = try Session(
                graph, inputShapes: one.values.mapValues(\.shape),
                options: SessionOptions(
                    pool: WorkerPool(threads: 2), disabledPasses: disabled))
            results.append(try session.run(one.values))
            let transforms = try session.profile().filter { $0.operation == "Transform weights" }
            #expect(disabled.isEmpty ? transforms.count > 2 : transforms.isEmpty)
        }
        for (name, tensor) in results[0] {
            let direct = try #require(results[1][name])
            #expect(largestDifference(tensor.values, direct.values) <= 1e-5, "\(name)")
        }
    }

    @Test("a large window's gradients are those of the reference", arguments: [5, 7])
    func window(kernel: Int) throws {
        let one = Case(
            images: 2, inputs: 16, outputs: 24, height: 20, width: 33, kernel: kernel,
            pad: kernel / 2)
        let graph = try one.graph()
        let expected = try graph.evaluate(one.values.mapValues(Value.floats))
        let session = try Session(graph, inputShapes: one.values.mapValues(\.shape))
        let results = try session.run(one.values)
        for (name, value) in expected {
            let error = largestDifference(
                try #require(results[name]).values, value.floatValues)
            #expect(error <= 1e-5, "\(name): \(error)")
        }
    }

    @Test("one of few pixels, with strides or dilation is computed directly")
    func notChosen() throws {
        for (one, attributes) in [
            (Case(height: 2, width: 3), [:]),
            (Case(), ["strides": [2, 2]]), (Case(pad: 2), ["dilations": [2, 2]]),
        ] as [(Case, [String: [Int]])] {
            var builder = GraphBuilder(name: "convolution")
            let values = one.values
            for (name, tensor) in values.sorted(by: { $0.key < $1.key }) {
                builder.input(name, tensor.shape.dimensions.map(Dimension.fixed))
            }
            let settings = attributes.mapValues(Attribute.integers)
                .merging(["pads": .integers(Array(repeating: one.pad, count: 4))]) { $1 }
            let loss = builder.sum(builder.node("Conv", ["x", "w"], settings))
            builder.output(loss)
            let graph = try builder.finish().differentiated(
                loss: loss, parameters: ["x", "w"], inputShapes: values.mapValues(\.shape))
            let session = try Session(graph, inputShapes: values.mapValues(\.shape))
            _ = try session.run(values)
            #expect(
                try session.profile().allSatisfy { !$0.operation.contains("Winograd") },
                "\(one) \(attributes)")
        }
    }
}
