import CKernels
import Testing

/// Every instruction set against the scalar definition, exactly, for all tails, with a canary behind the output.
@Suite struct PaintKernelTests {
    private static let sets = [FATHOM_ISA_AVX2, FATHOM_ISA_AVX512].filter {
        $0.rawValue <= fathom_isa_available().rawValue
    }

    private func compare<T: Equatable>(
        _ start: [T], canary: T, _ body: (fathom_isa, UnsafeMutablePointer<T>) -> Void
    ) {
        func result(_ isa: fathom_isa) -> [T] {
            var out = start + [T](repeating: canary, count: 64)
            out.withUnsafeMutableBufferPointer { body(isa, $0.start) }
            return out
        }
        let expected = result(FATHOM_ISA_SCALAR)
        #expect(expected.suffix(64).allSatisfy { $0 == canary })
        for set in Self.sets { #expect(result(set) == expected, "set \(set.rawValue)") }
    }

    @Test("brightness, colours, luma, chroma and blending")
    func all() {
        let table = (0..<2048).map { (entry: Int) -> UInt32 in
            let rising = UInt32(entry / 2)
            let falling = 1023 - rising
            return rising | (falling << 10) | (UInt32(entry % 1024) << 20)
        }
        var depth: [Float] = [.nan, .infinity, -.infinity]
        for index in 0..<300 { depth.append(Float(index * 7 % 300) / 100 - 0.5) }
        let packed: [UInt32] = (0..<300).map { table[$0 * 41 % 2048] }
        let small: [UInt32] = packed.map { ($0 >> 2) & 0x0FF3_FCFF }
        for count in Array(1...66) + [143] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37) }
            let words = (0..<count).map { UInt16($0 * 37 % 1024) }
            let shares = (0..<count).map { UInt16($0 * 11 % 257) }
            compare([Float](repeating: 0, count: count), canary: -5) {
                fathom_paint_of($0).pointee.brightness8($1, bytes, 16, 0.0625, count)
            }
            compare([Float](repeating: 0, count: count), canary: -5) {
                fathom_paint_of($0).pointee.brightness16($1, words, 64, 0.0625, count)
            }
            compare([UInt32](repeating: 0, count: count), canary: 5) {
                fathom_paint_of($0).pointee.colours(
                    $1, Array(depth.prefix(count)), table, 0, 1024, 2048, count)
            }
            for share in [0, 100, 256] as [Int32] {
                compare(bytes, canary: 5) {
                    fathom_paint_of($0).pointee.luma8($1, small, share, count)
                }
                compare(words, canary: 5) {
                    fathom_paint_of($0).pointee.luma16($1, packed, share, count)
                }
                for step in [1, 2] {
                    let below = Array(packed.reversed())
                    let smallBelow = Array(small.reversed())
                    compare(bytes + bytes, canary: 5) {
                        fathom_paint_of($0).pointee.chroma8(
                            $1, $1 + count, small, smallBelow, step, share, count)
                    }
                    compare(words + words, canary: 5) {
                        fathom_paint_of($0).pointee.chroma16(
                            $1, $1 + count, packed, below, step, share, count)
                    }
                }
            }
            compare(bytes, canary: 5) {
                fathom_paint_of($0).pointee.blend8($1, words.map { $0 / 4 }, shares, count)
            }
            compare(words, canary: 5) {
                fathom_paint_of($0).pointee.blend16($1, words.reversed(), shares, count)
            }
        }
    }
}
