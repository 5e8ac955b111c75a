import FathomCore
import FathomDepth
import FathomMedia
import FathomScenes

/// Places that never were, rendered when they are asked for: exact depth, poses and flow without a file.
///
/// Every sample depends on the seed, the split and its number only. Splits share no place: their seeds differ in the
/// remainder modulo three.
public struct SyntheticDataset: DepthDataset {
    /// What is rendered.
    public struct Options: Sendable {
        /// Picks all places.
        public var seed: UInt64 = 0
        /// Size of the pictures.
        public var width = 384
        /// Size of the pictures.
        public var height = 224
        /// Kinds of places; empty takes a mixture of all.
        public var kinds: [SyntheticScene.Kind] = []
        /// Pictures of each place: 1 for stills.
        public var clipLength = 1
        /// Pictures a second within a clip.
        public var frameRate = 15.0
        /// Photographs that surfaces wear.
        public var textures = SceneTextures()
        /// Whether motion to the next picture is worked out.
        public var withFlow = false
        /// Metres between the eyes.
        public var baseline: Float = 0.2

        /// The defaults: stills of 384×224.
        public init() {}
    }

    /// What errors call it.
    public let name: String
    /// Number of pictures.
    public let count: Int
    private let options: Options
    private let first: UInt64

    /// `count` pictures of a split; clips are kept whole.
    public init(_ options: Options, split: SplitName, count: Int) {
        self.options = options
        self.count = count / max(options.clipLength, 1) * max(options.clipLength, 1)
        name = "synthetic \(split.rawValue)"
        var random = SeededRandom(options.seed)
        let number: UInt64 =
            switch split {
            case .train: 0
            case .validation: 1
            case .test: 2
            }
        // A multiple of three, and the split: the sets of seeds are disjoint whatever the counts.
        first = (random.next() >> 24) * 3 + number
    }

    private func place(_ index: Int) -> (scene: Int, frame: Int) {
        (index / options.clipLength, index % options.clipLength)
    }

    /// The place's number.
    public func scene(_ index: Int) -> String { "scene-\(place(index).scene)" }

    /// The place's number and the picture's within its clip.
    public func sampleName(_ index: Int) -> String {
        let (scene, frame) = place(index)
        return options.clipLength > 1 ? "scene-\(scene)/\(frame)" : "scene-\(scene)"
    }

    /// The place that a sample is a picture of.
    public func place(of index: Int) -> SyntheticScene {
        let scene = place(index).scene
        let kind =
            options.kinds.isEmpty ? nil : options.kinds[scene % options.kinds.count]
        return SyntheticScene(
            seed: first &+ 3 &* UInt64(scene), kind: kind, textures: options.textures)
    }

    private var renderOptions: RenderOptions {
        RenderOptions(
            width: options.width, height: options.height, samples: 2,
            frameInterval: 1 / options.frameRate, withFlow: options.withFlow)
    }

    private func time(_ index: Int) -> Double { Double(place(index).frame) / options.frameRate }

    /// Renders a picture.
    public func sample(_ index: Int) throws(FathomError) -> DepthSample {
        let frame = place(of: index).frame(at: time(index), renderOptions)
        return try Self.sample(frame, name: sampleName(index), scene: scene(index))
    }

    /// A frame as a sample.
    static func sample(
        _ frame: SceneFrame, name: String, scene: String
    ) throws(FathomError) -> DepthSample {
        let (width, height) = (frame.width, frame.height)
        let focal = Double(frame.focalLength)
        var pose = frame.camera.pose.map(Double.init)
        pose += [0, 0, 0, 1]
        var flow: Tensor?
        if !frame.flow.isEmpty {
            flow = Tensor(shape: [2, height, width]) { values in
                for pixel in 0..<width * height {
                    values[pixel] = frame.flow[2 * pixel]
                    values[width * height + pixel] = frame.flow[2 * pixel + 1]
                }
            }
        }
        var sample = DepthSample(
            name: name, scene: scene,
            picture: StillImage.planar(frame.rgb, width: width, height: height),
            depth: Tensor(shape: [height, width], values: frame.depth),
            intrinsics: try CameraIntrinsics(
                width: width, height: height, fx: focal, fy: focal, cx: Double(width) / 2,
                cy: Double(height) / 2),
            pose: pose, flow: flow)
        sample.intrinsicsSource = "rendered"
        return sample
    }

    /// Every place has a before and an after: within the clip.
    public func neighbour(of index: Int, by offset: Int) -> Int? {
        let other = index + offset
        guard (0..<count).contains(other), place(other).scene == place(index).scene else {
            return nil
        }
        return other
    }

    /// The same moment from a camera to the right.
    public func otherEye(
        _ index: Int
    ) throws(FathomError) -> (picture: Tensor, baseline: Float)? {
        var options = renderOptions
        options.withFlow = false
        options.eyeOffset = self.options.baseline
        let frame = place(of: index).frame(at: time(index), options)
        return (
            StillImage.planar(frame.rgb, width: frame.width, height: frame.height),
            self.options.baseline
        )
    }
}
