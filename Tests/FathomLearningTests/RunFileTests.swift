import FathomCore
import FathomLearning
import Foundation
import TestSupport
import Testing

@Suite("Files of a run")
struct RunFileTests {
    @Test("a checkpoint comes back as it was written, to the bit")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        var state = TensorState()
        state.tensors["a/b.weight"] = Tensor(shape: [2, 3], values: [1, -2, .pi, 0, 1e-30, .nan])
        state.tensors["empty"] = Tensor(shape: [0])
        state.numbers["step"] = 17
        state.values["loss"] = 0.1 + 0.2
        state.values["nothing"] = .infinity
        state.texts["note"] = "grüße: \"x\""
        let path = folder.path("a.safetensors")
        try CheckpointFile.write(state, to: path)
        let read = try CheckpointFile.read(path)
        #expect(
            read.tensors["a/b.weight"]?.values.map(\.bitPattern)
                == state.tensors["a/b.weight"]?.values.map(\.bitPattern))
        #expect(read.tensors["a/b.weight"]?.shape == [2, 3])
        #expect(read.tensors["empty"]?.count == 0)
        #expect(read.numbers == state.numbers)
        #expect(read.values == state.values)
        #expect(read.texts == state.texts)
        #expect(folder.names == ["a.safetensors"])
    }

    @Test("a damaged checkpoint is an error, wherever it is cut or changed")
    func damaged() throws {
        let folder = try TemporaryFolder()
        var state = TensorState()
        state.tensors["a"] = Tensor(shape: [5], values: [1, 2, 3, 4, 5])
        let path = folder.path("a.safetensors")
        try CheckpointFile.write(state, to: path)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        for length in 0..<bytes.count {
            try folder.write("b", Data(bytes[0..<length]))
            #expect(throws: FathomError.self) { try CheckpointFile.read(folder.path("b")) }
        }
        for place in 0..<8 {
            var wrong = bytes
            wrong[place] ^= 0xff
            try folder.write("b", Data(wrong))
            #expect(throws: FathomError.self) { try CheckpointFile.read(folder.path("b")) }
        }
        let text = String(decoding: bytes, as: UTF8.self)
        for hostile in ["[0,-4]", "[8,28]", "[20,0]", "[0,9223372036854775807]", "[0]", "\"x\""] {
            let changed = text.replacing("[0,20]", with: hostile)
            var wrong = Array(changed.utf8)
            // The header's length, so that only the offsets are wrong.
            let length = wrong.count - 8 - 20
            for place in 0..<8 { wrong[place] = UInt8(truncatingIfNeeded: length >> (8 * place)) }
            try folder.write("b", Data(wrong))
            #expect(throws: FathomError.self, "\(hostile)") {
                try CheckpointFile.read(folder.path("b"))
            }
        }
    }

    /// Recorded once with tensorboard 2.21.0's own writer: a record holds a length, its masked CRC32C, the event
    /// and the event's.
    @Test("an event is written as TensorBoard writes it")
    func events() {
        let version = EventFile.record(EventFile.version(time: 1.5))
        #expect(
            hexadecimal(version)
                == RecordedEvents.version)
        let scalars = EventFile.record(
            EventFile.scalars([("train/loss", 0.25), ("rate", 3)], step: 300, time: 1.5))
        #expect(hexadecimal(scalars) == RecordedEvents.scalars)
        let picture = EventFile.record(
            EventFile.picture(
                .init(tag: "p", width: 300, height: 2, png: [1, 2, 3]), step: 7, time: 1.5))
        #expect(hexadecimal(picture) == RecordedEvents.picture)
        let start = EventFile.record(EventFile.start(step: 12, time: 1.5))
        #expect(hexadecimal(start) == RecordedEvents.start)
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }
}
