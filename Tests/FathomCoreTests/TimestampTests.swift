import FathomCore
import Testing

@Suite struct TimestampTests {
    @Test(
        "a moment is rescaled to the nearest tick, halves away from zero",
        arguments: [
            (Timestamp(1, Rational(1, 30)), Rational(1, 90_000), 3000),
            (Timestamp(1001, Rational(1, 30_000)), Rational(1, 1000), 33),
            (Timestamp(-1001, Rational(1, 30_000)), Rational(1, 1000), -33),
            (Timestamp(1, Rational(1, 2000)), Rational(1, 1000), 1),
            (Timestamp(-1, Rational(1, 2000)), Rational(1, 1000), -1),
            (Timestamp(.max / 2, Rational(1, 1)), Rational(1, 90_000), .max),
        ] as [(Timestamp, Rational, Int64)])
    func rescale(moment: Timestamp, base: Rational, ticks: Int64) {
        #expect(moment.rescaled(to: base).value == ticks)
    }

    @Test("moments are ordered exactly between time bases")
    func order() {
        let third = Timestamp(1, Rational(1, 3))
        #expect(third == Timestamp(30_000, Rational(1, 90_000)))
        #expect(third < Timestamp(334, Rational(1, 1000)))
        #expect(Timestamp(-1, Rational(1, 3)) < Timestamp(0, Rational(1, 7)))
        #expect(!(Timestamp(.max, Rational(1, 1)) < Timestamp(.max, Rational(1, 90_000))))
    }
}
