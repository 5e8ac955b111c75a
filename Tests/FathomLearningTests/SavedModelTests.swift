import FathomCore
import FathomGraph
import FathomLearning
import Foundation
import Testing

/// What TensorFlow read of a SavedModel (`Scripts/check_savedmodel.py`), after it computed the same depth from it.
private struct RecordedModel: Decodable {
    var operators: [String: Int]
    var bytes: Int
    var inputs: [String]
    var outputs: [String]

    static let all: [String: RecordedModel] = {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/savedmodel.json")
        let data = try? Data(contentsOf: url)
        return data.flatMap { try? JSONDecoder().decode([String: RecordedModel].self, from: $0) }
            ?? [:]
    }()
}

struct SavedModelTests {
    @Test(arguments: NetworkConfiguration.Kind.designs)
    func isWhatTensorFlowRead(_ kind: NetworkConfiguration.Kind) throws {
        let recorded = try #require(RecordedModel.all[kind.rawValue])
        var configuration = NetworkConfiguration(kind)
        configuration.width = 0.25
        let graph = try configuration.build(seed: 7).shipped()
        let model = try SavedModel(graph)
        let counts = Dictionary(model.operators.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(counts == recorded.operators)
        #expect(model.bytes.count == recorded.bytes)
        #expect(graph.inputs.map(\.name).sorted() == recorded.inputs)
        #expect(graph.outputs.map(\.name).sorted() == recorded.outputs)
    }

    @Test func anOperatorWithoutACounterpartIsNamed() throws {
        var builder = GraphBuilder(name: "odd")
        builder.input("x", [.fixed(1), .fixed(2), .fixed(4), .fixed(4)])
        builder.output(
            builder.node("CumSum", ["x", builder.constant([1])], name: "y"),
            [.fixed(1), .fixed(2), .fixed(4), .fixed(4)])
        let error = #expect(throws: FathomError.self) { try SavedModel(builder.graph) }
        #expect(error?.cause == "the operator CumSum has no counterpart here")
    }
}
