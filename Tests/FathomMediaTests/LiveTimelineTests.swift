import FathomCore
import FathomMedia
import Testing

@Suite("A live source's timeline")
struct LiveTimelineTests {
    /// A timeline that began a hundred seconds after the machine did, and what its packets got.
    struct Source {
        let start: UInt64 = 100_000_000_000
        let timeline: LiveTimeline
        let timeBase = Rational(1, 90_000)

        init() { timeline = LiveTimeline(start: 100_000_000_000) }

        /// A packet that arrives some seconds after the start, with times in seconds of its own clock.
        @discardableResult
        func place(
            _ arrival: Double, shown: Double?, decoded: Double? = nil, stream: Int = 0
        ) -> LiveTimeline.Place {
            func time(_ seconds: Double?) -> Timestamp? {
                seconds.map { Timestamp(Int64(($0 * 90_000).rounded()), timeBase) }
            }
            return timeline.place(
                stream: stream, presentation: time(shown), decoding: time(decoded ?? shown),
                arrival: start + UInt64(arrival * 1e9))
        }
    }

    @Test(
        "keeps the source's rhythm, whatever the jitter of arrival",
        arguments: [1.0, 15, 25, 29.97, 60, 240])
    func rhythm(rate: Double) {
        let source = Source()
        var random = SeededRandom(7)
        let first = source.place(0.5, shown: 5000)
        #expect(first.presentation == 45_000)
        for frame in 1..<600 {
            let jitter = Double(random.next() % 1000) / 1000 * 0.8 / rate
            let place = source.place(
                0.5 + Double(frame) / rate + jitter, shown: 5000 + Double(frame) / rate)
            let expected = 45_000 + Int64((Double(frame) / rate * 90_000).rounded())
            #expect(abs(place.presentation - expected) <= 1)
            #expect(!place.followsGap)
        }
        #expect(source.timeline.clockJumps == 0)
    }

    @Test(
        "goes on by the arrival clock where the source's clock jumps",
        arguments: [-3600.0, -5000, -1, 5, 3600, 26.5 * 3600])
    func jumps(by jump: Double) {
        let source = Source()
        var last = Int64.min
        var gaps = 0
        for frame in 0..<200 {
            let time = Double(frame) / 25
            let place = source.place(
                1 + time, shown: 8000 + time + (frame >= 100 ? jump : 0))
            #expect(place.decoding > last)
            let expected = Int64((1 + time) * 90_000)
            #expect(abs(place.presentation - expected) <= 9000)
            if place.followsGap {
                gaps += 1
                #expect(frame == 100)
            }
            last = place.decoding
        }
        #expect(gaps == 1)
        #expect(source.timeline.clockJumps == 1)
    }

    @Test("sound and pictures that jump together are one jump, and stay together")
    func commonJump() {
        let source = Source()
        for frame in 0..<200 {
            let time = Double(frame) / 25
            // The sound's packets of the old clock are still under way when the pictures have jumped.
            let video = time + (frame >= 100 ? 3600 : 0)
            let audio = time + (frame >= 103 ? 3600 : 0)
            let picture = source.place(1 + time, shown: video, stream: 0)
            let sound = source.place(1.01 + time, shown: audio, stream: 1)
            #expect(abs(picture.presentation - sound.presentation) < 2000)
        }
        #expect(source.timeline.clockJumps == 1)
    }

    @Test("duplicates and stuck clocks still rise")
    func duplicates() {
        let source = Source()
        var last = Int64.min
        for frame in 0..<500 {
            let place = source.place(Double(frame) / 25, shown: 7)
            #expect(place.decoding > last)
            #expect(place.presentation >= place.decoding)
            last = place.decoding
        }
        // It stays near the clock on the wall.
        #expect(abs(last - 20 * 90_000) < 10 * 90_000)
    }

    @Test("packets without a time have that of their arrival")
    func missing() {
        let source = Source()
        source.place(1, shown: nil)
        #expect(source.place(1.5, shown: nil).presentation == 135_000)
        let next = source.place(2, shown: 77)
        #expect(next.presentation == 180_000)
        #expect(source.place(2.04, shown: 77.04).presentation == 183_600)
        let lost = source.place(3, shown: nil)
        #expect(lost.presentation == 270_000)
        #expect(source.place(3.04, shown: 78.04).presentation == 273_600)
        #expect(source.timeline.clockJumps == 0)
    }

    @Test("a network that was away delivers late: the times stay the source's")
    func backlog() {
        let source = Source()
        for frame in 0..<300 {
            let time = Double(frame) / 25
            // From second 2 to second 6 nothing arrives, then all at once.
            let arrival = time >= 2 && time < 6 ? 6 + time / 1000 : max(time, 0)
            let place = source.place(1 + max(arrival, time), shown: time)
            let expected = Int64((1 + time) * 90_000)
            #expect(abs(place.presentation - expected) <= 1)
        }
        #expect(source.timeline.clockJumps == 0)
    }

    @Test("a source that stays behind gets the present time after a while")
    func lag() {
        let source = Source()
        for frame in 0..<1000 {
            let time = Double(frame) / 25
            source.place(time + (frame > 100 ? 4 : 0), shown: time)
        }
        let last = source.place(44.0, shown: 40)
        #expect(abs(last.presentation - 44 * 90_000) < 2 * 90_000)
        #expect(source.timeline.clockJumps == 1)
    }

    @Test(
        "frames out of order keep their times of showing; decoding times rise, with and without the source's own"
    )
    func reordering() {
        // I0 P3 B1 B2 P6 B4 B5 …
        var order: [Int] = [0]
        for group in 0..<20 { order += [group * 3 + 3, group * 3 + 1, group * 3 + 2] }
        for hasDecodingTimes in [true, false] {
            let source = Source()
            var last = Int64.min
            for (position, frame) in order.enumerated() {
                let shown = 10 + Double(frame) / 25
                let decoded = 10 + Double(position - 1) / 25
                let place = source.place(
                    1 + Double(position) / 25, shown: shown,
                    decoded: hasDecodingTimes ? decoded : nil)
                #expect(place.decoding > last)
                #expect(place.presentation >= place.decoding)
                last = place.decoding
                // The first frame out of order may show that there are any.
                let first: Int64 = hasDecodingTimes ? 93_600 : 90_000
                let expected: Int64 = first + Int64(frame) * 3600
                if hasDecodingTimes || position > 3 {
                    #expect(place.presentation == expected, "frame \(frame)")
                }
            }
            #expect(source.timeline.clockJumps == 0)
        }
    }

    @Test("a new connection goes on behind the one before, marked, and is no jump")
    func reconnection() {
        let source = Source()
        var last = Int64.min
        for connection in 0..<5 {
            source.timeline.beginConnection()
            for frame in 0..<50 {
                let place = source.place(
                    Double(connection) * 3 + Double(frame) / 25, shown: Double(frame) / 25)
                #expect(place.followsGap == (connection > 0 && frame == 0))
                #expect(place.decoding > last)
                last = place.decoding
            }
        }
        let end: Int64 = 12 * 90_000 + 49 * 3600
        #expect(abs(last - end) <= 1)
        #expect(source.timeline.clockJumps == 0)
    }

    @Test("hostile numbers neither trap nor escape the timeline")
    func hostile() {
        let values: [Int64] = [
            .min, .min + 1, -(1 << 62), -(1 << 52), -1, 0, 1, 1 << 32, 1 << 52, 1 << 62, .max,
        ]
        let bases = [
            Rational(1, 90_000), Rational(1, 1), Rational(1, Int(Int32.max)),
            Rational(Int(Int32.max), 1), Rational(0, 1), Rational(1, 0), Rational(-1, 1000),
        ]
        let timeline = LiveTimeline(start: 0)
        var random = SeededRandom(1)
        var last: [Int: Int64] = [:]
        var arrival: UInt64 = 0
        for _ in 0..<50_000 {
            func time() -> Timestamp? {
                guard random.next() % 5 > 0 else { return nil }
                let value = values[Int(random.next() % UInt64(values.count))]
                return Timestamp(
                    random.next() % 3 == 0 ? Int64(truncatingIfNeeded: random.next()) : value,
                    bases[Int(random.next() % UInt64(bases.count))])
            }
            arrival += random.next() % 100_000_000
            let stream = Int(random.next() % 3)
            let place = timeline.place(
                stream: stream, presentation: time(), decoding: time(), arrival: arrival)
            #expect(place.decoding > last[stream] ?? .min)
            #expect(place.presentation >= place.decoding)
            #expect(place.presentation - place.decoding <= 900_000)
            last[stream] = place.decoding
            if random.next() % 1000 == 0 { timeline.beginConnection() }
        }
        // Time goes by the arrival clock, give or take what packets are put behind each other.
        let end = timeline.ticks(at: arrival)
        for time in last.values { #expect(abs(time - end) < 60 * 90_000) }
        _ = timeline.place(
            stream: 0, presentation: nil, decoding: nil, arrival: .max)
    }
}
