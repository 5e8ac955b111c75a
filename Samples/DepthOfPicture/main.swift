// Prints the depth of a picture, or of a video's first frame, with letters: depth-of-picture photo.jpg
import Fathom
import Foundation

guard CommandLine.arguments.count == 2 else {
    print("usage: depth-of-picture FILE")
    exit(64)
}

/// The first picture of a file: upright, BT.709, whatever it is in the file.
func firstPicture(of path: String) throws(FathomError) -> VideoFrame {
    let demuxer = try Demuxer(try MediaInput.resolve(path))
    let stream = try demuxer.chooseVideo()
    let decoder = try Decoder(stream, of: demuxer, threads: 1)
    let normalizer = FrameNormalizer(stream, threads: 1)
    var decoded: [DecodedFrame] = []
    while decoded.isEmpty, let packet = try demuxer.nextPacket() {
        if packet.streamIndex == stream.index { decoded = try decoder.decode(packet) }
    }
    if decoded.isEmpty { decoded = try decoder.finish() }
    guard let first = decoded.first else { throw decoder.noFramesError() }
    let frames = try normalizer.normalize(first) + normalizer.finish()
    guard let frame = frames.first else { throw decoder.noFramesError() }
    return frame
}

do {
    let frame = try firstPicture(of: CommandLine.arguments[1])
    let model = try DepthModel(graph: try Network().graph)
    let depth = try frame.withPicture { (picture) throws(FathomError) in
        try model.estimate(picture, sampleAspectRatio: frame.sampleAspectRatio)
    }
    let values = depth.values
    let (low, high) = (values.min() ?? 0, values.max() ?? 1)
    print("\(depth.width)x\(depth.height), \(depth.kind.rawValue) from \(low) to \(high)")
    // From far to near where large is near; a letter is about twice as high as wide.
    let letters = Array(" .:-=+*#%@")
    let columns = 72
    let rows = max(1, columns * depth.height / depth.width / 2)
    for row in 0..<rows {
        let line = (0..<columns).map { column in
            let at = row * depth.height / rows * depth.width + column * depth.width / columns
            let share = (values[at] - low) / max(high - low, 1e-9)
            let near = depth.kind.isLargeNear ? share : 1 - share
            return letters[min(Int(near * Float(letters.count)), letters.count - 1)]
        }
        print(String(line))
    }
} catch {
    print("\(error)")
    exit(1)
}
