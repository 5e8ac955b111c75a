import CDefaultModel
import FathomCore
import FathomDepth
import FathomPipeline
import Foundation
import Testing

@Suite struct KnownNetworkTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    /// A network that Scripts/record_known_networks.py made.
    private func network(_ name: String) throws -> Network {
        try Network(Self.root.appendingPathComponent("Recorded/\(name).onnx").path)
    }

    @Test("every card of Configs/models is part of the program")
    func embedded() throws {
        let folder = Self.root.appendingPathComponent("../../Configs/models").standardized
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let texts = try files.filter { $0.hasSuffix(".yaml") }.map {
            try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
        }
        var embedded: [String] = []
        while let text = fathom_model_card(embedded.count) {
            embedded.append(String(cString: text))
        }
        #expect(Set(texts) == Set(embedded))
        #expect(try KnownNetworks.all().count == texts.count)
    }

    /// A recorded network, and the card that it should get.
    struct Case: Sendable, CustomTestStringConvertible {
        let file: String
        let card: String
        let mean: [Float]
        let multiple: Int
        let kind: DepthKind
        var testDescription: String { file }
    }

    private static let imageNet: [Float] = [0.485, 0.456, 0.406]
    private static let cases = [
        Case(
            file: "depth_anything_transformers", card: "depth-anything", mean: imageNet,
            multiple: 14, kind: .inverseDepth),
        Case(
            file: "depth_anything_original", card: "depth-anything", mean: imageNet,
            multiple: 14, kind: .inverseDepth),
        Case(
            file: "depth_anything_metric_transformers", card: "depth-anything-metric",
            mean: imageNet, multiple: 14, kind: .metres),
        Case(
            file: "dpt_transformers", card: "dpt", mean: [0.5, 0.5, 0.5], multiple: 32,
            kind: .inverseDepth),
        Case(
            file: "midas_small", card: "midas-small", mean: [0, 0, 0], multiple: 32,
            kind: .inverseDepth),
        Case(
            file: "midas_small_bare", card: "midas-small", mean: imageNet, multiple: 32,
            kind: .inverseDepth),
        Case(
            file: "monodepth2", card: "monodepth2", mean: [0, 0, 0], multiple: 32,
            kind: .inverseDepth),
        Case(
            file: "glpn_transformers", card: "glpn", mean: [0, 0, 0], multiple: 32,
            kind: .metres),
    ]

    @Test("the usual exports are recognised and estimate depth with no option", arguments: cases)
    func recognised(_ wanted: Case) throws {
        let network = try network(wanted.file)
        #expect(network.cardSource.words.hasPrefix("recognised as \(wanted.card): "))
        let model = try network.makeModel(RunConfiguration(), pool: .machine)
        #expect(model.card.mean == wanted.mean)
        #expect(model.card.sizeMultiple == wanted.multiple)
        #expect(model.card.outputKind == wanted.kind)
        let picture = PictureBuffer(format: PictureFormat(width: 96, height: 64))
        picture.withMutableView { view in
            for y in 0..<64 {
                for x in 0..<96 {
                    (view.planes.0 + y * view.strides.0 + x).storeBytes(
                        of: UInt8((x * 7 + y * 13) % 220), as: UInt8.self)
                }
            }
        }
        let map = try picture.withView { (view) throws in try model.estimate(view) }
        #expect(map.kind == wanted.kind)
        #expect(map.values.allSatisfy { $0.isFinite && $0 >= 0 })
        // Weights are random, but no output of theirs is flat.
        #expect(Set(map.values).count > 1)
    }

    @Test("an unknown network gets stated assumptions, and options override them")
    func unknown() throws {
        let network = try network("plain")
        #expect(network.cardSource.words.hasPrefix("assumed: ImageNet"))
        var configuration = RunConfiguration()
        configuration.mean = [0, 0, 0]
        configuration.outputKind = .depth
        let model = try network.makeModel(configuration, pool: .machine)
        #expect(model.card.mean == [0, 0, 0])
        #expect(model.card.outputKind == .depth)
        #expect(try NetworkDescription(network).metadata.isEmpty)
    }

    @Test("a file that describes itself is taken at its word")
    func described() throws {
        #expect(try Network().cardSource == .file)
    }
}
