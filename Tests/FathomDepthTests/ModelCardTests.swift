import FathomCore
import FathomDepth
import Testing

@Suite struct ModelCardTests {
    private func card(_ metadata: [String: String]) throws -> ModelCard {
        try ModelCard(metadata: metadata, subject: "model x.onnx", defaultName: "x")
    }

    @Test("absent metadata has the contract's defaults")
    func defaults() throws {
        let card = try card([:])
        #expect(card.name == "x")
        #expect(card.mean == [0.485, 0.456, 0.406])
        #expect(card.std == [0.229, 0.224, 0.225])
        #expect(card.sizeMultiple == 32)
        #expect(card.size == 384)
        #expect(card.outputKind == .inverseDepth)
        #expect(card.state.isEmpty)
    }

    @Test("metadata is read")
    func read() throws {
        let card = try card([
            "fathom.name": "n", "fathom.mean": "0.5, 0.5,0.5", "fathom.std": "[1 2 3]",
            "fathom.sizeMultiple": "14", "fathom.size": "518", "fathom.output": "metres",
            "fathom.state": "h0=h1,c0=c1",
        ])
        #expect(card.name == "n")
        #expect(card.mean == [0.5, 0.5, 0.5])
        #expect(card.std == [1, 2, 3])
        #expect(card.sizeMultiple == 14)
        #expect(card.size == 518)
        #expect(card.outputKind == .metres)
        #expect(card.state.map(\.input) == ["h0", "c0"])
        #expect(card.state.map(\.output) == ["h1", "c1"])
    }

    @Test(
        "malformed metadata is an error that names file and key",
        arguments: [
            ("mean", "0.5,0.5"), ("mean", "a,b,c"), ("mean", "nan,0,0"), ("std", "0,1,1"),
            ("std", "-1,1,1"), ("sizeMultiple", "0"), ("sizeMultiple", "99999999999999999999"),
            ("size", "huge"), ("size", "100000"), ("output", "disparity"), ("state", "a"),
            ("state", "=b"),
        ])
    func malformed(key: String, value: String) throws {
        let error = try #require(throws: FathomError.self) { try card(["fathom.\(key)": value]) }
        #expect(error.description.contains("x.onnx"))
        #expect(error.description.contains("fathom.\(key)"))
    }

    @Test("options replace the card's values")
    func overrides() throws {
        let card = try card([:]).overridden(
            by: ModelOverrides(mean: [0, 0, 0], std: [1, 1, 1], outputKind: .depth, size: 256))
        #expect(card.mean == [0, 0, 0])
        #expect(card.std == [1, 1, 1])
        #expect(card.outputKind == .depth)
        #expect(card.size == 256)
    }

    @Test("a wrong option is a usage error")
    func wrongOverrides() throws {
        let card = try card([:])
        for overrides in [
            ModelOverrides(mean: [1]), ModelOverrides(std: [0, 1, 1]), ModelOverrides(size: 5),
            ModelOverrides(size: 1 << 40),
        ] {
            let error = try #require(throws: FathomError.self) {
                try card.overridden(by: overrides)
            }
            #expect(error.code == .usage)
        }
    }
}

@Suite struct NetworkGeometryTests {
    private func size(
        _ width: Int, _ height: Int, ratio: Rational = Rational(1, 1), multiple: Int = 32
    ) -> [Int] {
        let geometry = NetworkGeometry(
            width: width, height: height, sampleAspectRatio: ratio, longSide: 384,
            multiple: multiple)
        return [geometry.inputWidth, geometry.inputHeight]
    }

    @Test("the input follows the source's aspect, never a squashed square")
    func aspect() {
        #expect(size(1280, 720) == [384, 224])
        #expect(size(720, 1280) == [224, 384])
        #expect(size(640, 480) == [384, 288])
        #expect(size(500, 500) == [384, 384])
        #expect(size(161, 121) == [384, 288])
    }

    @Test("the sample aspect ratio counts")
    func anamorphic() {
        #expect(size(1440, 1080, ratio: Rational(4, 3)) == [384, 224])
        #expect(size(720, 576, ratio: Rational(64, 45)) == [384, 224])
        #expect(size(1280, 720, ratio: Rational(0, 1)) == [384, 224])
    }

    @Test("sides are multiples and at least one of them, however long the picture")
    func extremes() {
        #expect(size(16000, 16) == [384, 32])
        #expect(size(1, 16000) == [32, 384])
        #expect(size(640, 480, multiple: 14) == [378, 294])
    }

    @Test("a fixed input is honoured by a letterbox")
    func letterbox() {
        let geometry = NetworkGeometry(
            width: 1280, height: 720, sampleAspectRatio: Rational(1, 1), longSide: 384,
            multiple: 32, fixedWidth: 256, fixedHeight: 256)
        #expect([geometry.inputWidth, geometry.inputHeight] == [256, 256])
        #expect([geometry.contentWidth, geometry.contentHeight] == [256, 144])
        #expect([geometry.contentX, geometry.contentY] == [0, 56])
    }
}
