import FathomCore
import FathomGraph
import FathomLearning
import Testing

struct ModelGradientTests {
    /// depth = w · x + b
    private func network() throws -> Graph {
        var builder = GraphBuilder(name: "line")
        builder.input("image", [.named("n"), .fixed(1), .named("h"), .named("w")])
        builder.initializer("w", .floats(Tensor(shape: [1, 1, 1, 1], values: [2])))
        builder.initializer("b", .floats(Tensor(shape: [1], values: [1])))
        builder.output(
            builder.node("Conv", ["image", "w", "b"], ["kernel_shape": .integers([1, 1])]))
        return try builder.finish()
    }

    @Test("the gradients of a straight line are those one computes by hand")
    func line() throws {
        let shape: Shape = [1, 1, 1, 2]
        let job = ModelGradient(graph: try network(), loss: LossTerm(.mse))
        let result = try job.compute(
            ["image": Tensor(shape: shape, values: [1, 3])],
            target: Tensor(shape: shape, values: [0, 9]))
        // Errors 3 and −2: their squares' mean, and twice the mean of error · x and of error.
        #expect(result.loss == 6.5)
        #expect(result.gradients.map(\.name) == ["b", "w"])
        #expect(result.gradients.map { $0.gradient.values } == [[1], [-3]])
        #expect(result.gradients[1].gradient.shape == [1, 1, 1, 1])
    }

    @Test("a target of another size, and an input that is not there, are errors")
    func wrong() throws {
        let job = ModelGradient(graph: try network(), loss: LossTerm(.l1))
        let picture = Tensor(shape: [1, 1, 1, 2])
        #expect(throws: FathomError.self) {
            try job.compute(["image": picture], target: Tensor(shape: [3]))
        }
        #expect(throws: FathomError.self) {
            try job.compute(["photo": picture], target: Tensor(shape: [2]))
        }
    }
}
