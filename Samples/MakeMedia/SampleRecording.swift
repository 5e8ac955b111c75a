import FathomCore
import FathomMedia
import FathomScenes

/// A drive through the synthetic street, as a dashcam or a phone would record it.
struct SampleRecording {
    var name: String
    var title: String
    /// When each frame is taken, in ticks.
    var times: [Int64]
    var timeBase: Rational
    var seconds: Double
    private let seed: UInt32 = 1
    private let size = (width: 640, height: 360)

    private init(name: String, title: String, times: [Int64], timeBase: Rational, seconds: Double) {
        self.name = name
        self.title = title
        self.times = times
        self.timeBase = timeBase
        self.seconds = seconds
    }

    /// Eight seconds at 30 frames a second.
    static var steady: SampleRecording {
        SampleRecording(
            name: "drive.mp4", title: "A drive through a synthetic street",
            times: Array(0..<240), timeBase: Rational(1, 30), seconds: 8)
    }

    /// Eight seconds as phones record in poor light: intervals of 28 to 50 ms, two gaps of 0.7 s.
    static var variable: SampleRecording {
        var random = SeededRandom(8)
        var times: [Int64] = []
        var time: Int64 = 0
        while time < 8 * 90000 {
            times.append(time)
            let isBeforeGap = [50, 110].contains(times.count)
            time += isBeforeGap ? 63000 : Int64(random.uniform(2520...4500))
        }
        return SampleRecording(
            name: "drive_vfr.mp4", title: "A drive at a variable frame rate", times: times,
            timeBase: Rational(1, 90000), seconds: 8)
    }

    /// Renders and encodes all frames, without sound.
    func writeVideo(path: String) throws(FathomError) {
        let format = PictureFormat(width: size.width, height: size.height)
        let muxerOptions = {
            var options = Muxer.Options()
            options.overwrites = true
            return options
        }()
        let muxer = try Muxer(path: path, source: nil, video: nil, options: muxerOptions)
        let encoder = try Encoder(
            EncoderSettings(codec: .h264, quality: 25, preset: "slow", threads: 2), format: format,
            timeBase: timeBase, frameRate: Rational(30, 1), sampleAspectRatio: Rational(1, 1),
            container: muxer.container)
        try muxer.start(encoder)
        let pool = try FramePool(format: format)
        let scene = StreetScene(seed: seed)
        let options = RenderOptions(width: size.width, height: size.height)
        for (index, time) in times.enumerated() {
            let next = index + 1 < times.count ? times[index + 1] : Int64(seconds / timeBase.value)
            let timestamp = Timestamp(time, timeBase)
            let rendered = scene.frame(at: timestamp.seconds, options)
            let frame = try pool.makeFrame(timestamp: timestamp, duration: next - time)
            frame.withMutablePicture { rendered.copy(into: $0) }
            try muxer.write(encoder.encode(frame))
        }
        try muxer.write(encoder.finish())
        try muxer.finish()
    }
}

extension SceneFrame {
    /// Converts the picture to Y'CbCr 4:2:0, BT.709, limited range, for even sides.
    fileprivate func copy(into view: MutablePictureView) {
        let planes = [view.planes.0, view.planes.1, view.planes.2].map {
            $0.assumingMemoryBound(to: UInt8.self)
        }
        for y in stride(from: 0, to: height, by: 2) {
            for x in stride(from: 0, to: width, by: 2) {
                var sum = SIMD3<Float>.zero
                for (row, column) in [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)] {
                    let at = 3 * (row * width + column)
                    let color = SIMD3(Float(rgb[at]), Float(rgb[at + 1]), Float(rgb[at + 2])) / 255
                    let luma = 16 + 219 * (color * SIMD3(0.2126, 0.7152, 0.0722)).sum()
                    planes[0][row * view.strides.0 + column] = UInt8(luma.rounded())
                    sum += color / 4
                }
                let luma = (sum * SIMD3(0.2126, 0.7152, 0.0722)).sum()
                let blue = 128 + 224 * (sum.z - luma) / 1.8556
                let red = 128 + 224 * (sum.x - luma) / 1.5748
                planes[1][y / 2 * view.strides.1 + x / 2] = UInt8(blue.rounded())
                planes[2][y / 2 * view.strides.2 + x / 2] = UInt8(red.rounded())
            }
        }
    }
}
