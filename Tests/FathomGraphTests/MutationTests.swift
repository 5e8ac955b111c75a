import FathomCore
import FathomGraph
import Foundation
import Testing

/// Numbers that are the same on every run (Marsaglia's xorshift).
private struct Dice {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func roll(_ sides: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(sides))
    }
}

/// Reads a file's bytes as far as a program would before it runs a network: import, facts, passes.
private func read(_ bytes: [UInt8]) {
    guard let graph = try? Graph(onnx: bytes, name: "mutated.onnx") else { return }
    _ = try? GraphPass.apply(to: graph, inputShapes: [:])
}

@Suite("hostile files")
struct MutationTests {
    private static func folder(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(name)
    }

    private struct Recording: Decodable {
        struct Case: Decodable { let model: Data }
        let cases: [Case]
    }

    private static func models() throws -> [[UInt8]] {
        let file = folder("Recorded/operators.json")
        let recording = try JSONDecoder().decode(Recording.self, from: Data(contentsOf: file))
        return recording.cases.map { [UInt8]($0.model) }
    }

    @Test("a file cut short anywhere is refused or read, never a crash")
    func truncated() throws {
        for model in try Self.models() {
            for length in stride(from: 0, to: model.count, by: max(1, model.count / 6)) {
                read(Array(model[..<length]))
            }
        }
    }

    @Test("a file with bytes changed is refused or read, never a crash")
    func mutated() throws {
        var dice = Dice(seed: 0x0FA7_4044)
        let odd: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF]
        for model in try Self.models() {
            for _ in 0..<10 {
                var copy = model
                for _ in 0...dice.roll(4) {
                    let place = dice.roll(copy.count)
                    switch dice.roll(4) {
                    case 0: copy[place] = odd[dice.roll(odd.count)]
                    case 1: copy[place] ^= 1 << UInt8(dice.roll(8))
                    case 2: copy.insert(odd[dice.roll(odd.count)], at: place)
                    default: copy.remove(at: place)
                    }
                }
                read(copy)
            }
        }
    }

    @Test("what once broke the importer is refused or read")
    func corpus() throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.folder("Corpus"), includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files { read([UInt8](try Data(contentsOf: file))) }
    }
}
