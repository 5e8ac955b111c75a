import FathomCore
import FathomEngine
import FathomGraph
import Testing

@Suite("gradients of convolutions' weights, and of joined channels")
struct WeightGradientTests {
    /// Gradients by all inputs of the sum of an edge with factors, beside the reference's, with every instruction set.
    private func check(
        _ values: [String: Tensor], shape: Shape,
        _ result: (inout GraphBuilder) -> String
    ) throws {
        var builder = GraphBuilder(name: "gradient")
        for (name, tensor) in values.sorted(by: { $0.key < $1.key }) {
            builder.input(name, tensor.shape.dimensions.map(Dimension.fixed))
        }
        let factors = builder.initializer("factors", .floats(numbers(shape, seed: 9)))
        let loss = builder.sum(builder.multiply(result(&builder), factors))
        builder.output(loss)
        let graph = try builder.finish().differentiated(
            loss: loss, parameters: values.keys.sorted(), inputShapes: values.mapValues(\.shape))
        try expectReference(graph, values)
    }

    @Test(
        "few input channels, whose taps are computed two at a time, at all borders",
        arguments: [
            (inputs: 3, outputs: 64, kernel: 7, stride: 2, dilation: 1, pad: 3, size: 21),
            (inputs: 4, outputs: 24, kernel: 3, stride: 1, dilation: 1, pad: 0, size: 9),
            (inputs: 1, outputs: 40, kernel: 3, stride: 1, dilation: 3, pad: 3, size: 5),
            (inputs: 2, outputs: 9, kernel: 5, stride: 3, dilation: 1, pad: 4, size: 3),
        ])
    func fewInputs(
        _ one: (
            inputs: Int, outputs: Int, kernel: Int, stride: Int, dilation: Int, pad: Int, size: Int
        )
    ) throws {
        let values = [
            "x": numbers([2, one.inputs, one.size + 2, one.size], seed: 1),
            "w": numbers([one.outputs, one.inputs, one.kernel, one.kernel], seed: 2),
        ]
        func output(_ size: Int) -> Int {
            (size + 2 * one.pad - one.dilation * (one.kernel - 1) - 1) / one.stride + 1
        }
        try check(values, shape: [2, one.outputs, output(one.size + 2), output(one.size)]) {
            $0.node(
                "Conv", ["x", "w"],
                [
                    "pads": .integers(Array(repeating: one.pad, count: 4)),
                    "strides": .integers([one.stride, one.stride]),
                    "dilations": .integers([one.dilation, one.dilation]),
                ])
        }
    }

    @Test(
        "channels of several pictures come apart in whole blocks, or number by number",
        arguments: [16, 12])
    func joined(channels: Int) throws {
        let values = [
            "x": numbers([3, channels, 6, 7], seed: 1), "y": numbers([3, 11, 6, 7], seed: 2),
            "w": numbers([8, channels + 11, 3, 3], seed: 3),
            "v": numbers([channels, channels, 1, 1], seed: 4),
        ]
        try check(values, shape: [3, 8, 6, 7]) { builder in
            let x = builder.node("Conv", ["x", "v"])
            let joined = builder.concatenate([x, "y"], axis: 1)
            return builder.node(
                "Conv", [joined, "w"], ["pads": .integers([1, 1, 1, 1])])
        }
    }
}
