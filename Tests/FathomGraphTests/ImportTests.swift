import FathomCore
import FathomGraph
import Foundation
import Testing

private func error(_ bytes: [UInt8]) -> FathomError? {
    #expect(throws: FathomError.self) { try Graph(onnx: bytes, name: "bad.onnx") }
}

/// A hostile file and what the error must mention.
private struct Hostile: CustomTestStringConvertible {
    let name: String
    let words: String
    let bytes: [UInt8]
    var testDescription: String { name }

    init(_ name: String, says words: String, _ bytes: [UInt8]) {
        self.name = name
        self.words = words
        self.bytes = bytes
    }

    static let relu = ONNXBytes.node("Relu", ["x"], ["y"])

    static let all: [Hostile] = [
        Hostile("empty", says: "ONNX", []),
        Hostile("text", says: "ONNX", Array("this is not a model at all".utf8)),
        Hostile(
            "unknown operator", says: "'Wobble'",
            ONNXBytes.model(nodes: [.node("Wobble", ["x"], ["y"])])),
        Hostile(
            "dangling input", says: "'nowhere'",
            ONNXBytes.model(nodes: [.node("Add", ["x", "nowhere"], ["y"])])),
        Hostile(
            "output of no node", says: "'z'", ONNXBytes.model(nodes: [relu], outputs: [.value("z")])
        ),
        Hostile("no output", says: "no output", ONNXBytes.model(nodes: [relu], outputs: [])),
        Hostile("written twice", says: "'y'", ONNXBytes.model(nodes: [relu, relu])),
        Hostile(
            "two outputs of one name", says: "same name",
            ONNXBytes.model(nodes: [relu], outputs: [.value("y"), .value("y")])),
        Hostile(
            "circle", says: "circle",
            ONNXBytes.model(nodes: [
                .node("Add", ["x", "b"], ["a"]), .node("Relu", ["a"], ["b"]), relu,
            ])),
        Hostile(
            "reads itself", says: "circle",
            ONNXBytes.model(nodes: [.node("Add", ["x", "y"], ["y"])])),
        Hostile(
            "too many inputs", says: "2 inputs",
            ONNXBytes.model(nodes: [.node("Relu", ["x", "x"], ["y"])])),
        Hostile(
            "no output edge", says: "Relu",
            ONNXBytes.model(nodes: [relu, .node("Relu", ["x"], [""])])),
        Hostile(
            "initializer without data", says: "'w'",
            ONNXBytes.model(nodes: [relu], initializers: [.tensor("w", [3])])),
        Hostile(
            "initializer cut short", says: "'w'",
            ONNXBytes.model(nodes: [relu], initializers: [.tensor("w", [3], raw: [0, 0, 0, 0])])),
        Hostile(
            "initializer twice", says: "'w'",
            ONNXBytes.model(nodes: [relu], initializers: [.tensor("w", [0]), .tensor("w", [0])])),
        Hostile(
            "negative length", says: "'w'",
            ONNXBytes.model(nodes: [relu], initializers: [.tensor("w", [-1])])),
        Hostile(
            "absurd lengths", says: "'w'",
            ONNXBytes.model(nodes: [relu], initializers: [.tensor("w", [.max, .max])])),
        Hostile(
            "two billion elements", says: "'w'",
            ONNXBytes.model(nodes: [relu], initializers: [.tensor("w", [1 << 30], raw: [])])),
        Hostile(
            "unknown element type", says: "99",
            ONNXBytes.model(nodes: [relu], initializers: [.tensor("w", [1], type: 99, raw: [0])])),
        Hostile(
            "operator set of the future", says: "9999",
            ONNXBytes.model(nodes: [relu], operatorSet: 9999)),
        Hostile(
            "operator set below zero", says: "-5", ONNXBytes.model(nodes: [relu], operatorSet: -5)),
        Hostile(
            "two inputs of one name", says: "'x'",
            ONNXBytes.model(nodes: [relu], inputs: [.value("x"), .value("x")])),
    ]
}

@Suite("reading ONNX files")
struct ImportTests {
    @Test("a small file becomes a graph")
    func small() throws {
        let graph = try Graph(
            onnx: ONNXBytes.model(
                nodes: [.node("Mul", ["x", "w"], ["y"])],
                initializers: [.tensor("w", [1], raw: [0, 0, 0, 0x40])]), name: "small")
        #expect(graph.inputs.map(\.name) == ["x"])
        #expect(graph.inputs[0].dimensions == [.fixed(1), .fixed(1), .fixed(4), .fixed(4)])
        #expect(graph.metadata == ["fathom.name": "test"])
        #expect(graph.initializers["w"]?.floatValues == [2])
        #expect(graph.operatorSet == 17)
    }

    @Test("nodes in the wrong order are put in order")
    func order() throws {
        let graph = try Graph(
            onnx: ONNXBytes.model(nodes: [.node("Relu", ["a"], ["y"]), .node("Neg", ["x"], ["a"])]),
            name: "order")
        #expect(graph.nodes.map(\.operation) == ["Neg", "Relu"])
    }

    private static let kinds: [(kind: ElementType, raw: [UInt8], expected: [Float])] = [
        (.float16, [0x00, 0x3E, 0x01, 0x00], [1.5, 0x1p-24]),
        (.bfloat16, [0xC0, 0x3F, 0x80, 0xFF], [1.5, -.infinity]),
        (.double, [0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x80], [1.5, 0]),
    ]

    @Test("half, brain and double floats are kept in float32, and what they were", arguments: kinds)
    func floatKinds(kind: ElementType, raw: [UInt8], expected: [Float]) throws {
        let graph = try Graph(
            onnx: ONNXBytes.model(
                nodes: [.node("Relu", ["x"], ["y"])],
                initializers: [.tensor("w", [2], type: Int64(kind.onnxCode), raw: raw)]),
            name: "kinds")
        #expect(graph.initializers["w"]?.floatValues == expected)
        #expect(graph.initializers["w"]?.type == kind)
    }

    @Test("hostile files give one error that says what is wrong", arguments: Hostile.all)
    private func hostile(file: Hostile) {
        let description = error(file.bytes)?.description ?? ""
        #expect(description.contains("bad.onnx"))
        #expect(description.contains(file.words), "\(description)")
    }

    @Test(
        "every beginning of a file, and every file with one byte changed, ends in a graph or an error"
    )
    func damaged() {
        let whole = ONNXBytes.model(
            nodes: [
                .node("Conv", ["x", "w"], ["a"], attributes: [.integers("pads", [1, 1, 1, 1])]),
                .node("Relu", ["a"], ["y"]),
            ],
            initializers: [
                .tensor("w", [1, 1, 3, 3], raw: [UInt8](repeating: 1, count: 36))
            ])
        func check(_ bytes: [UInt8]) {
            do {
                let graph = try Graph(onnx: bytes, name: "damaged")
                _ = try graph.evaluate(["x": .floats(Tensor(shape: [1, 1, 4, 4]))])
            } catch {
                #expect(!error.cause.isEmpty)
            }
        }
        for count in 0..<whole.count { check(Array(whole[..<count])) }
        for index in whole.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                var bytes = whole
                bytes[index] ^= change
                check(bytes)
            }
        }
    }

    private static let absurd: [(name: String, values: [Int64])] = [
        ("pads", [.max, .max, .max, .max]), ("pads", [-5, 0, 0, 0]), ("pads", [1]),
        ("strides", [0, 1]), ("strides", [-1, 1]), ("dilations", [.max, 1]),
        ("dilations", [1 << 30, 1 << 30]), ("pads", [1 << 30, 1 << 30, 1 << 30, 1 << 30]),
        ("kernel_shape", [5, 5]), ("kernel_shape", []),
    ]

    @Test("absurd attributes are refused when the graph is planned", arguments: absurd)
    func attributes(name: String, values: [Int64]) throws {
        let graph = try Graph(
            onnx: ONNXBytes.model(
                nodes: [.node("Conv", ["x", "w"], ["y"], attributes: [.integers(name, values)])],
                initializers: [.tensor("w", [1, 1, 3, 3], raw: [UInt8](repeating: 0, count: 36))]),
            name: "absurd")
        let error = #expect(throws: FathomError.self) { try graph.facts(inputShapes: [:]) }
        #expect(error?.subject.contains("node of y") == true)
    }

    @Test("external data is read from the model's folder and from nowhere else")
    func externalData() throws {
        let manager = FileManager.default
        let folder = manager.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        let inner = folder.appendingPathComponent("model")
        try manager.createDirectory(at: inner, withIntermediateDirectories: true)
        defer { try? manager.removeItem(at: folder) }
        let data = Data([0, 0, 0, 0, 0, 0, 0x80, 0x3F])
        try data.write(to: folder.appendingPathComponent("outside.bin"))
        try data.write(to: inner.appendingPathComponent("inside.bin"))
        try manager.createSymbolicLink(
            at: inner.appendingPathComponent("link.bin"),
            withDestinationURL: folder.appendingPathComponent("outside.bin"))
        func load(_ location: String, offset: String = "4") throws -> Graph {
            let entries = [("location", location), ("offset", offset)].map {
                ONNXBytes().text(1, $0).text(2, $1)
            }
            let tensor = entries.reduce(ONNXBytes.tensor("w", [1])) { $0.message(13, $1) }
                .number(14, 1)
            let bytes = ONNXBytes.model(
                nodes: [.node("Mul", ["x", "w"], ["y"])], initializers: [tensor])
            let file = inner.appendingPathComponent("model.onnx")
            try Data(bytes).write(to: file)
            return try Graph(onnxFile: file.path)
        }
        #expect(try load("inside.bin").initializers["w"]?.floatValues == [1])
        for location in ["../outside.bin", "link.bin", "/etc/hostname", "missing.bin", "", "."] {
            #expect(throws: FathomError.self, "\(location)") { try load(location) }
        }
        for offset in ["5", "-1", "x", "9223372036854775807"] {
            #expect(throws: FathomError.self, "\(offset)") {
                try load("inside.bin", offset: offset)
            }
        }
    }

    @Test("a missing file, a folder and a text file are named in the error")
    func wrongFiles() throws {
        for path in ["/nowhere/model.onnx", "/"] {
            let error = #expect(throws: FathomError.self) { try Graph(onnxFile: path) }
            #expect(error?.subject == path)
        }
        let error = #expect(throws: FathomError.self) { try Graph(onnxFile: #filePath) }
        #expect(error?.description.contains("ImportTests.swift") == true)
    }
}
