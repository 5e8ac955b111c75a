import CKernels
import FathomDepth
import Testing

/// Every instruction set against the scalar definition: all tails, with a canary behind the output.
@Suite struct DepthKernelTests {
    private static let sets = [FATHOM_ISA_AVX2, FATHOM_ISA_AVX512].filter {
        $0.rawValue <= fathom_isa_available().rawValue
    }
    private static let canary: Float = -12345
    private static let counts = Array(0...67) + [129, 384, 1000]

    private func floats(_ seed: Int, _ count: Int, scale: Float = 1) -> [Float] {
        (0..<count).map { Scenes.noise(seed * 99991 + $0) * scale }
    }

    /// Runs both and compares `count` outputs and the canary.
    private func compare(
        _ count: Int, tolerance: Float = 1e-5, room: Int = 64,
        _ body: (fathom_isa, UnsafeMutablePointer<Float>) -> Void
    ) {
        func result(_ isa: fathom_isa) -> [Float] {
            var out = [Float](repeating: Self.canary, count: count + room)
            out.withUnsafeMutableBufferPointer { body(isa, $0.start) }
            return out
        }
        let expected = result(FATHOM_ISA_SCALAR)
        #expect(expected[count...].allSatisfy { $0 == Self.canary })
        for set in Self.sets {
            let got = result(set)
            let worst = zip(expected, got).map { abs($0 - $1) }.max() ?? 0
            #expect(worst <= tolerance, "set \(set.rawValue), count \(count)")
        }
    }

    @Test("columns and rows of the preparation")
    func prepare() {
        for count in Self.counts where count > 0 {
            let bytes = (0..<3).map { row in
                (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + row * 91) }
            }
            let words = bytes.map { $0.map { UInt16($0) * 4 } }
            let weights: [Float] = [0.25, 0.5, 0.25]
            bytes[0].withUnsafeBufferPointer { a in
                bytes[1].withUnsafeBufferPointer { b in
                    let rows: [UnsafePointer<UInt8>?] = [
                        a.baseAddress, b.baseAddress, a.baseAddress,
                    ]
                    compare(count, tolerance: 1e-3) {
                        fathom_prepare_of($0).pointee.columns8($1, rows, weights, 3, count)
                    }
                }
            }
            words[0].withUnsafeBufferPointer { a in
                words[1].withUnsafeBufferPointer { b in
                    let rows: [UnsafePointer<UInt16>?] = [
                        a.baseAddress, b.baseAddress, a.baseAddress,
                    ]
                    compare(count, tolerance: 1e-3) {
                        fathom_prepare_of($0).pointee.columns16($1, rows, weights, 3, count)
                    }
                }
            }
            let row = floats(1, count * 2 + 3)
            let first = (0..<count).map { Int32($0 * 2) }
            let taps = floats(2, 3 * count)
            compare(count) { fathom_prepare_of($0).pointee.along($1, row, first, taps, 3, count) }
            var how = fathom_prepare_colour(
                luma_offset: 16, luma_scale: 1 / 219, chroma_offset: 128, chroma_scale: 1 / 224,
                red_v: 1.5748, green_u: -0.187, green_v: -0.468, blue_u: 1.8556,
                mean: (0.4, 0.5, 0.6), inverse_deviation: (4, 5, 6))
            let (y, u, v) = (
                floats(3, count, scale: 255), floats(4, count, scale: 255),
                floats(5, count, scale: 255)
            )
            compare(4 * count) {
                fathom_prepare_of($0).pointee.colour(
                    $1, $1 + count, $1 + 2 * count, $1 + 3 * count, y, u, v, &how, count)
            }
        }
    }

    @Test("sums, boxes, bounds and expansion of the upsampling")
    func upsample() {
        for count in Self.counts where count > 0 {
            let planes = (0..<3).map { floats(10 + $0, count + 24) }
            planes[0].withUnsafeBufferPointer { a in
                planes[1].withUnsafeBufferPointer { b in
                    let rows: [UnsafePointer<Float>?] = [
                        a.baseAddress, b.baseAddress, a.baseAddress,
                    ]
                    compare(count) {
                        fathom_upsample_of($0).pointee.column_sums($1, rows, 3, count)
                    }
                    compare(5 * count) { isa, out in
                        let sums: [UnsafeMutablePointer<Float>?] = (0..<5).map { out + $0 * count }
                        fathom_upsample_of(isa).pointee.column_moments(
                            sums, rows, rows.reversed(), 3, count)
                    }
                    compare(2 * count) {
                        fathom_upsample_of($0).pointee.column_bounds($1, $1 + count, rows, 3, count)
                    }
                }
            }
            compare(count) { fathom_upsample_of($0).pointee.box($1, planes[0], 3, 1 / 7, count) }
            compare(2 * count) {
                fathom_upsample_of($0).pointee.box_bounds(
                    $1, $1 + count, planes[0], planes[1], 2, count)
            }
            compare(count) {
                fathom_upsample_of($0).pointee.between($1, planes[0], planes[1], 0.3, count)
            }
            compare(2 * count, tolerance: 1e-3) {
                fathom_upsample_of($0).pointee.fit(
                    $1, $1 + count, planes[0], planes[1], floats(20, count, scale: 2), planes[2],
                    floats(21, count, scale: 2), 0.01, 0.01, count)
            }
            for source in [max(1, count / 3), count, count * 2] {
                let table = ExpansionTable(source: source, count: count)
                let small = (0..<4).map { floats(30 + $0, source + ExpansionTable.padding) }
                let flag: Int32 = table.isEnlarging ? 1 : 0
                compare(count) {
                    fathom_upsample_of($0).pointee.expand(
                        $1, small[0], table.first, table.share, flag, count)
                }
                small[0].withUnsafeBufferPointer { a in
                    small[1].withUnsafeBufferPointer { b in
                        var rows = fathom_upsample_rows(
                            slope: a.start, offset: b.start, least: a.start,
                            greatest: b.start)
                        let light = floats(40, count)
                        compare(count) {
                            fathom_upsample_of($0).pointee.guided(
                                $1, &rows, table.first, table.share, flag, light, count)
                        }
                    }
                }
            }
        }
    }

    @Test("motion, carrying and mixing of the smoothing")
    func temporal() {
        let block = (0..<64).map { UInt8(truncatingIfNeeded: $0 * 29) }
        let field = (0..<(40 * 8)).map { UInt8(truncatingIfNeeded: $0 * 53) }
        for count in 1...15 {
            func sums(_ isa: fathom_isa) -> [UInt16] {
                var out = [UInt16](repeating: 9, count: 32)
                fathom_temporal_of(isa).pointee.differences(&out, block, 8, field, 40, count)
                return out
            }
            for set in Self.sets { #expect(sums(set) == sums(FATHOM_ISA_SCALAR)) }
        }
        for width in Self.counts where width > 0 {
            let (depth, light) = (floats(50, width * 3), floats(51, width * 3))
            let (dx, dy) = (
                floats(52, width, scale: 9).map { $0 - 4 },
                floats(53, width, scale: 5).map { $0 - 2 }
            )
            compare(2 * width, tolerance: 1e-4) {
                fathom_temporal_of($0).pointee.carry(
                    $1, $1 + width, depth, light, width, 3, 1, dx, dy)
            }
            var how = fathom_temporal_weights(
                keep: 0.8, brightness_scale: 0.05, depth_scale: 0.1, carried_scale: 1.1)
            compare(width) {
                fathom_temporal_of($0).pointee.mix($1, depth, light, dx.map(abs), &how, 1, width)
            }
        }
    }
}
