import FathomCore
import FathomDepth
import FathomGraph
import Testing

/// A network whose depth is its state plus one, and whose state is that depth: it counts the frames it remembers.
struct RecurrentMemoryTests {
    private func counter(
        state: String = "state=state_out", dimensions: [Dimension]? = nil
    ) throws -> DepthModel {
        var builder = GraphBuilder(name: "counter")
        builder.input("image", [.named("n"), .fixed(3), .named("height"), .named("width")])
        builder.input(
            "state", dimensions ?? [.named("n"), .fixed(1), .named("height/8"), .named("width/8")])
        let none = builder.multiply(
            builder.node(
                "AveragePool", [builder.slice("image", axes: [1], from: [0], to: [1])],
                ["kernel_shape": .integers([8, 8]), "strides": .integers([8, 8])]), 0)
        let depth = builder.add(builder.add("state", none), 1)
        builder.output(builder.node("Identity", [depth], name: "depth"))
        builder.output(builder.node("Identity", [depth], name: "state_out"))
        var graph = try builder.finish()
        graph.metadata = ["fathom.state": state, "fathom.size": "64", "fathom.sizeMultiple": "8"]
        return try DepthModel(graph: graph)
    }

    /// Stripes across or down, so that one is a cut from the other.
    private func picture(across: Bool, width: Int = 64) -> Tensor {
        let (plane, height) = (width * 48, 48)
        return Tensor(
            shape: [3, height, width],
            values: (0..<3 * plane).map { place in
                let (y, x) = (place % plane / width, place % width)
                return ((across ? y : x) / 6) % 2 == 0 ? Float(0.9) : 0.1
            })
    }

    private func value(_ map: DepthMap) -> Float { map.withValues { $0[0] } }

    @Test("a network with a memory is given what it remembered with the next frame")
    func carries() throws {
        let model = try counter()
        let scene = picture(across: true)
        for frame in 1...4 { #expect(try value(model.estimate(scene)) == Float(frame)) }
        model.forget()
        #expect(try value(model.estimate(scene)) == 1)
    }

    @Test("a cut clears the memory before the new scene's first frame is seen")
    func cut() throws {
        let model = try counter()
        for _ in 0..<3 { _ = try model.estimate(picture(across: true)) }
        #expect(try value(model.estimate(picture(across: false))) == 1)
        #expect(try value(model.estimate(picture(across: false))) == 2)
    }

    @Test("what is saved goes on where it was")
    func saved() throws {
        let model = try counter()
        for _ in 0..<3 { _ = try model.estimate(picture(across: true)) }
        let state = model.saveState()
        let other = try counter()
        try other.restoreState(state)
        #expect(try value(other.estimate(picture(across: true))) == 4)
    }

    @Test("a picture of another size begins anew")
    func size() throws {
        let model = try counter()
        for _ in 0..<2 { _ = try model.estimate(picture(across: true)) }
        #expect(try value(model.estimate(picture(across: true, width: 96))) == 1)
    }

    @Test("a state that does not exist, or whose size cannot be told, is an error")
    func wrong() throws {
        #expect(throws: FathomError.self) { try counter(state: "memory=state_out") }
        let error = #expect(throws: FathomError.self) {
            let model = try counter(dimensions: [.named("n"), .fixed(1), .unknown, .unknown])
            _ = try model.estimate(picture(across: true))
        }
        #expect(error?.cause.contains("state") == true)
    }
}
