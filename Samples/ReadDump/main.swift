// Says what a frame dump holds: read-dump clip.fathom, or: fathom run clip.mp4 --dump - | read-dump -
import Fathom
import Foundation

guard CommandLine.arguments.count == 2 else {
    print("usage: read-dump FILE|-")
    exit(64)
}

/// A number with as many digits as people read.
func short(_ number: Double) -> String { String(format: "%.4f", number) }

do {
    let damage = try FrameDumpReader.read(path: CommandLine.arguments[1]) { event in
        switch event {
        case .description(let head):
            print("\(head.title): \(head.width)x\(head.height), \(head.kind.rawValue)")
        case .frame(let frame):
            let known = frame.values.filter(\.isFinite)
            let range = (known.min() ?? .nan, known.max() ?? .nan)
            let time = short(frame.timestamp.seconds)
            let missing = frame.missingSamples > 0 ? ", \(frame.missingSamples) missing" : ""
            print(
                "frame \(frame.index) at \(time) s: \(short(Double(range.0)))"
                    + " to \(short(Double(range.1)))\(missing)")
        case .color(let picture):
            print("picture at \(short(picture.timestamp.seconds)) s: \(picture.jpeg.count) bytes")
        case .gap(let gap):
            print("\(gap.packets) packets of channel \(gap.channel) are missing")
        case .damage(let damage):
            print("\(damage)")
        }
    }
    exit(damage == nil ? 0 : 1)
} catch {
    print("\(error)")
    exit(error.code.rawValue)
}
