import FathomCore
import Glibc

/// The hum of an engine with a tick at each full second, by which sound and picture can be compared.
struct DrivingSound {
    /// Samples a second.
    static let rate = 48000
    /// Mono, -1…1.
    let samples: [Float]

    init(seconds: Double) {
        var random = SeededRandom(3)
        var rumble: Float = 0
        var phase = 0.0
        samples = (0..<Int(seconds * Double(Self.rate))).map { index in
            let time = Double(index) / Double(Self.rate)
            // The pitch follows the car's speed.
            phase += 2 * .pi * (52 + 9 * cos(0.42 * time)) / Double(Self.rate)
            var hum = 0.0
            for (harmonic, strength) in [(1.0, 0.5), (2, 0.3), (3, 0.16), (4.5, 0.1), (6, 0.06)] {
                hum += strength * sin(harmonic * phase)
            }
            rumble += 0.02 * (random.uniform(-1...1) - rumble)
            let sinceTick = time - time.rounded(.down)
            let tick = 0.5 * sin(2 * .pi * 1000 * sinceTick) * exp(-sinceTick * 90)
            return Float(0.22 * hum + 0.6 * Double(rumble) + tick)
        }
    }
}
