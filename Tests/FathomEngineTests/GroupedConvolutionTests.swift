import FathomCore
import FathomEngine
import FathomGraph
import Testing

/// A convolution of several groups, or a transposed one.
private struct Case {
    var operation = "Conv"
    var input: [Int]
    /// O×C/groups×KH×KW, or C×O/groups×KH×KW of a transposed one.
    var weights: [Int]
    var attributes: [String: [Int]] = [:]
    var groups = 1

    /// The largest difference of the plan's result from the reference's, and the steps it took.
    func error(_ instructionSet: InstructionSet) throws -> (error: Float, operations: [String]) {
        let outputs = operation == "Conv" ? weights[0] : weights[1] * groups
        var node = Node(operation, inputs: ["x", "w", "b"], outputs: ["y"])
        node.attributes["group"] = .integer(groups)
        for (name, values) in attributes { node.attributes[name] = .integers(values) }
        let graph = try Graph(
            name: "convolution", inputs: [ValueInfo(name: "x", dimensions: nil)],
            outputs: [ValueInfo(name: "y", dimensions: nil)], nodes: [node],
            initializers: [
                "w": .floats(numbers(Shape(weights), seed: 3)),
                "b": .floats(numbers([outputs], seed: 4)),
            ])
        let tensor = numbers(Shape(input), seed: 1)
        let session = try Session(
            graph, inputShapes: ["x": tensor.shape],
            options: SessionOptions(
                pool: WorkerPool(threads: 2), instructionSet: instructionSet))
        let output = try #require(try session.run(["x": tensor])["y"])
        let expected = try #require(try graph.evaluate(["x": .floats(tensor)])["y"])
        #expect(output.shape == expected.shape)
        let worst = zip(output.values, expected.floatValues).map { abs($0 - $1) }.max()
        return (worst ?? .infinity, try session.profile().map(\.operation))
    }
}

@Suite("grouped and transposed convolutions")
struct GroupedConvolutionTests {
    @Test(
        "groups of any width give the reference's results",
        arguments: InstructionSet.available)
    func groups(instructionSet: InstructionSet) throws {
        for (groups, inputs, outputs, kernel) in [
            (2, 8, 16, 3), (4, 4, 4, 3), (32, 4, 4, 3), (3, 5, 2, 3), (8, 1, 2, 5), (5, 1, 3, 1),
            (2, 3, 40, 1), (2, 16, 7, 2),
        ] {
            for stride in [1, 2] {
                let entry = Case(
                    input: [2, groups * inputs, 7, 19],
                    weights: [groups * outputs, inputs, kernel, kernel],
                    attributes: ["strides": [stride, stride], "pads": [1, 0, 1, 2]],
                    groups: groups)
                #expect(try entry.error(instructionSet).error < 2e-5, "\(entry)")
            }
        }
    }

    @Test(
        "transposed convolutions give the reference's results for all strides, paddings and groups",
        arguments: InstructionSet.available)
    func transposed(instructionSet: InstructionSet) throws {
        for (kernel, stride, dilation) in [
            (2, 2, 1), (3, 2, 1), (4, 2, 1), (3, 1, 1), (5, 3, 1), (2, 3, 1), (3, 2, 2),
            (3, 2, 3), (4, 4, 2), (7, 2, 1), (1, 2, 1),
        ] {
            for (groups, inputs, outputs) in [(1, 9, 20), (2, 8, 40), (11, 1, 1)] {
                for pad in [0, 1, 2] where (kernel - 1) * dilation >= 2 * pad {
                    let entry = Case(
                        operation: "ConvTranspose", input: [2, groups * inputs, 4, 15],
                        weights: [groups * inputs, outputs, kernel, kernel],
                        attributes: [
                            "strides": [stride, stride], "dilations": [dilation, dilation],
                            "pads": [pad, 0, 0, pad], "output_padding": [stride - 1, 0],
                        ], groups: groups)
                    let (error, operations) = try entry.error(instructionSet)
                    #expect(error < 2e-5, "\(entry)")
                    #expect(operations == ["reorder", "ConvTranspose", "reorder"])
                }
            }
        }
    }
}
