import CDefaultModel
import FathomCore
import FathomDepth
import FathomGraph
import Foundation
import Testing

@Suite struct DepthModelTests {
    private func graph(
        inputs: [ValueInfo]? = nil, metadata: [String: String] = [:]
    ) throws -> Graph {
        try Graph(
            name: "toy.onnx",
            inputs: inputs ?? [
                ValueInfo(
                    name: "image",
                    dimensions: [.named("n"), .fixed(3), .named("h"), .named("w")])
            ],
            outputs: [ValueInfo(name: "out", dimensions: nil)],
            nodes: [Node("Relu", name: "last", inputs: ["image"], outputs: ["out"])],
            initializers: [:], metadata: metadata, operatorSet: 17)
    }

    @Test(
        "a model whose input is not a picture is refused by name",
        arguments: [
            [ValueInfo(name: "tokens", dimensions: [.fixed(1), .fixed(77)])],
            [ValueInfo(name: "grey", dimensions: [.fixed(1), .fixed(1), .unknown, .unknown])],
            [ValueInfo(name: "image", dimensions: nil)],
            [
                ValueInfo(
                    name: "bytes", dimensions: [.fixed(1), .fixed(3), .unknown, .unknown],
                    type: .int64)
            ],
            [],
        ])
    func notAPicture(inputs: [ValueInfo]) throws {
        let error = try #require(throws: FathomError.self) {
            _ = try DepthModel(graph: try graph(inputs: inputs))
        }
        #expect(error.description.contains("toy.onnx"))
    }

    /// Estimates a picture with a bright lower half by the program's own model.
    private func estimate(_ format: PictureFormat, size: Int) throws -> DepthMap {
        let bytes = UnsafeRawBufferPointer(
            start: fathom_default_model_bytes(), count: fathom_default_model_size())
        let model = try DepthModel(
            graph: Graph(onnx: bytes, name: "starter"), overrides: ModelOverrides(size: size))
        let picture = PictureBuffer(format: format)
        picture.withMutableView { view in
            for y in (format.height / 2)..<format.height {
                memset(view.planes.0 + y * view.strides.0, 120, format.width)
            }
        }
        return try picture.withView { (view) throws in try model.estimate(view) }
    }

    @Test("depth covers the whole picture at the network's size, finite and not negative")
    func starter() throws {
        for (width, height) in [(640, 360), (161, 121), (90, 300)] {
            let format = PictureFormat(width: width, height: height)
            let map = try estimate(format, size: 128)
            #expect(max(map.width, map.height) == 128)
            #expect(map.kind == .inverseDepth)
            #expect(map.values.allSatisfy { $0.isFinite && $0 >= 0 })
            // The ground before the camera is nearer than what is above it.
            let upper = map.values[0..<(map.count / 4)].reduce(0, +)
            let lower = map.values[(map.count * 3 / 4)...].reduce(0, +)
            #expect(lower > upper)
        }
    }

    @Test("an output that is not one map is refused by name")
    func notAMap() throws {
        let model = try DepthModel(graph: try graph())
        let picture = PictureBuffer(format: PictureFormat(width: 64, height: 36))
        let error = try #require(throws: FathomError.self) {
            _ = try picture.withView { (view) throws in try model.estimate(view) }
        }
        #expect(error.description.contains("toy.onnx"))
    }

    @Test("values that are not finite are replaced and counted")
    func nonFinite() {
        let map = DepthMap(
            width: 3, height: 2, kind: .inverseDepth,
            values: [.nan, 1, .infinity, -.infinity, -2, 4],
            brightness: [Float](repeating: 0, count: 6))
        map.replaceNonFinite()
        #expect(map.values == [0, 1, 4, 0, 0, 4])
        #expect(map.nonFiniteCount == 3)
        let far = DepthMap(
            width: 3, height: 1, kind: .metres, values: [.nan, 7, .infinity],
            brightness: [0, 0, 0])
        far.replaceNonFinite()
        #expect(far.values == [7, 7, 7])
        #expect(far.nonFiniteCount == 2)
    }
}
