import FathomCore
import Foundation
import Testing

@Suite("NumPy files")
struct NumpyFileTests {
    private func file(_ header: String, elements: Int = 2, version: UInt8 = 1) -> [UInt8] {
        let text = Array(header.utf8)
        let length =
            [UInt8(text.count & 255), UInt8(text.count >> 8)] + (version > 1 ? [0, 0] : [])
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text
            + [UInt8](repeating: 0, count: elements * 4)
    }

    @Test(
        "what is written is read back",
        arguments: [[Int](), [1], [7], [3, 4], [1, 3, 2, 2], [0], [2, 0]])
    func roundTrip(dimensions: [Int]) throws {
        let shape = Shape(dimensions)
        let tensor = Tensor(shape: shape, values: (0..<shape.count).map { Float($0) / 3 })
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("\(UUID().uuidString).npy").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try NumpyFile.write(tensor, to: path)
        let read = try NumpyFile.read(path)
        #expect(read.shape == shape)
        #expect(read.values == tensor.values)
        #expect(NumpyFile.header(shape).count % 64 == 0)
    }

    @Test("the header is what NumPy writes")
    func header() {
        let text = String(decoding: NumpyFile.header([2, 3])[10...], as: UTF8.self)
        #expect(text.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"))
        #expect(text.hasSuffix(" \n"))
        let single = String(decoding: NumpyFile.header([5])[10...], as: UTF8.self)
        #expect(single.contains("(5,)"))
    }

    @Test("version 2 headers are read", arguments: [UInt8(1), 2, 3])
    func versions(version: UInt8) throws {
        let header = "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}\n"
        let bytes = file(header, version: version)
        #expect(try NumpyFile.tensor(bytes, name: "x").shape == [2])
    }

    @Test(
        "hostile headers are refused with a reason",
        arguments: [
            "", "{}", "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': 2, }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (a,), }",
        ])
    func hostile(header: String) {
        let error = #expect(throws: FathomError.self) {
            try NumpyFile.tensor(file(header), name: "depth.npy")
        }
        #expect(error?.description.contains("depth.npy") == true)
    }

    @Test("every beginning of a file is refused")
    func truncated() {
        let whole = file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n")
        for count in 0..<whole.count {
            #expect(throws: FathomError.self) {
                try NumpyFile.tensor(Array(whole[..<count]), name: "x")
            }
        }
    }

    @Test("missing files and folders are named")
    func missing() {
        for path in ["/nowhere/x.npy", "/"] {
            let error = #expect(throws: FathomError.self) { try NumpyFile.read(path) }
            #expect(error?.subject == path)
        }
        #expect(throws: FathomError.self) {
            try NumpyFile.write(Tensor(shape: [1]), to: "/nowhere/x.npy")
        }
    }
}
