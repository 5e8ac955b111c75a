import FathomCore
import Glibc

/// Cars that drive: some ahead in the camera's lane, some oncoming. Each place is a plain function of time.
struct Traffic {
    let seed: UInt32

    /// Where the camera's car is along the street: it starts at 0 and slows and hurries a little.
    func cameraTravel(at time: Double) -> Double { 9 * time + 4 * sin(0.42 * time) }

    /// Adds the cars as they are at a moment, with their motion until a later one.
    func add(at time: Double, until next: Double, into list: inout SurfaceList) {
        for index in 0..<3 {
            var random = SeededRandom(UInt64(seed) << 8 | UInt64(index))
            let gap = Double(13 + 19 * Float(index) + random.uniform(-3...3))
            let phase = Double(random.uniform(0...6))
            let paint = StreetLayout.paints[Int(random.next() % 8)]
            add(paint, isOncoming: false, at: time, until: next, into: &list) { moment in
                self.cameraTravel(at: moment) + gap + 2.5 * sin(0.5 * moment + phase)
            }
        }
        // Oncoming cars come from far away again and again.
        for index in 0..<4 {
            var random = SeededRandom(UInt64(seed) << 8 | UInt64(0x80 + index))
            let first = Double(60 + 75 * Float(index) + random.uniform(0...25))
            let speed = Double(random.uniform(9...12))
            let paint = StreetLayout.paints[Int(random.next() % 8)]
            let lap = ((cameraTravel(at: time) + speed * time - first + 30) / 300).rounded(.down)
            add(paint, isOncoming: true, at: time, until: next, into: &list) { moment in
                first + 300 * lap - speed * moment
            }
        }
    }

    private func add(
        _ paint: Vector, isOncoming: Bool, at time: Double, until next: Double,
        into list: inout SurfaceList, _ travel: (Double) -> Double
    ) {
        let lane = isOncoming ? -StreetMeasures.laneWidth / 2 : StreetMeasures.laneWidth / 2
        list.motion = Vector(0, 0, Float(travel(next) - travel(time)))
        CarModel(
            middle: Vector(lane, 0, Float(travel(time))), paint: paint, isOncoming: isOncoming
        ).add(into: &list)
        list.motion = .zero
    }
}
