import FathomCore
import FathomScenes

/// Which pictures a network is trained and judged on: the `data:` mapping of a training configuration.
public struct DataConfiguration: Sendable {
    /// Kinds of data sets.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// NYU Depth V2.
        case nyu
        /// KITTI.
        case kitti
        /// A CSV or JSONL list of pictures and depths.
        case folder
        /// Rendered places.
        case synth
    }

    /// Which depth counts as true.
    public enum Truth: String, Hashable, Sendable, CaseIterable {
        /// A folder: the files that its list names.
        case listed
        /// NYU: holes filled in.
        case filled
        /// NYU: what the sensor measured.
        case raw
        /// KITTI: the official accumulated ground truth.
        case annotated
        /// KITTI: one turn of the lidar, depth along the optical axis.
        case velodyne
        /// KITTI: as published numbers on the Eigen split have it, with their two known faults (FIELD notes of
        /// monodepth2: forward distance instead of depth, colliding duplicates).
        case velodyneEigen = "velodyne-eigen"
        /// No depth at all: pictures from which a network learns by what it sees in their neighbours.
        case none
    }

    /// Cameras of KITTI's car.
    public enum Camera: String, Hashable, Sendable, CaseIterable {
        /// Colour camera 2.
        case left
        /// Colour camera 3.
        case right
        /// Each picture of either.
        case both

        var numbers: [Int] {
            switch self {
            case .left: [2]
            case .right: [3]
            case .both: [2, 3]
            }
        }
    }

    /// What happens when a sample can't be read before training begins.
    public enum Broken: String, Hashable, Sendable, CaseIterable {
        /// An error that names it.
        case error
        /// It's left out, counted and listed.
        case skip
    }

    /// What errors call the section.
    public let place: String
    /// Kind of data set.
    public var kind: Kind
    /// Where it is; empty for `synth`.
    public var root: String
    /// Which depth counts.
    public var truth: Truth
    /// How it's divided.
    public var split: SplitConfiguration
    /// Pixels of a prepared picture.
    public var size: PixelSize
    /// What is done to pictures.
    public var normalization: PictureNormalization
    /// What the network learns.
    public var target: DepthTarget
    /// Metres beyond which depth isn't learnt from; smallest and largest.
    public var limits: ClosedRange<Float>
    /// What happens to samples that can't be read.
    public var broken: Broken
    /// Pictures of a clip: 1 for stills.
    public var clip: Int
    /// Whether the pictures before and after go along.
    public var neighbours: Bool
    /// Whether the other eye's picture goes along.
    public var stereo: Bool
    /// KITTI: whose pictures are used.
    public var camera: Camera
    /// KITTI: where the official ground truth was unpacked; empty for the root.
    public var annotations: String
    /// NYU: steps a metre of depth in PNG files.
    public var scale: Double
    /// Kinds of rendered places; empty takes a mixture.
    public var scenes: [SyntheticScene.Kind]
    /// A folder of photographs that rendered surfaces wear; empty for none.
    public var textures: String
    /// Rendered pictures of each split.
    public var counts: [SplitName: Int]

    /// Reads the mapping; what is not for the kind of data set is an error.
    public init(_ section: ConfigurationSection) throws(FathomError) {
        place = section.place
        kind = try section.choice("kind", default: nil)
        guard let size = PixelSize("384x224") else { throw section.error("no size", "") }
        self.size = try section.size("size") ?? size
        normalization = PictureNormalization(
            try section.choice("normalization", default: .imagenet))
        target = try section.choice("target", default: .inverseDepth)
        clip = try section.integer("clip", in: 1...64) ?? 1
        neighbours = try section.flag("neighbours", default: false)
        stereo = try section.flag("stereo", default: false)
        broken = try section.choice("broken", default: .error)
        let cap: Double =
            switch kind {
            case .nyu: 10
            case .kitti: 80
            case .folder, .synth: 1e6
            }
        let low = try section.number("minimumDepth", default: 1e-3, in: 1e-6...1e6)
        let high = try section.number("maximumDepth", default: cap, in: 1e-6...1e9)
        guard low < high else {
            throw section.error(
                "minimumDepth \(low) isn't below maximumDepth \(high)", "Exchange them")
        }
        limits = Float(low)...Float(high)
        split = try SplitConfiguration(section.section("split"))
        (truth, root, scenes, textures, counts) = (.listed, "", [], "", [:])
        (camera, annotations, scale) = (.left, "", 1000)
        if kind == .kitti {
            camera = try section.choice("camera", default: .left)
            annotations = try section.text("annotations") ?? ""
        }
        if kind == .nyu {
            scale = try section.number("scale", default: 1000, in: 1e-3...1e6)
        }
        switch kind {
        case .synth: try readSynthetic(section)
        case .nyu, .kitti, .folder:
            root = try section.requiredText("root")
            let allowed: [Truth] =
                switch kind {
                case .nyu: [.filled, .raw]
                case .kitti: [.annotated, .velodyne, .velodyneEigen, .none]
                default: [.listed, .none]
                }
            if let first = allowed.first {
                truth = try section.choice("truth", default: first)
                guard allowed.contains(truth) else {
                    throw section.error(
                        "'truth' is '\(truth.rawValue)', which \(kind.rawValue) doesn't have",
                        "Give \(allowed.map(\.rawValue).joined(separator: " or "))")
                }
            }
        }
        try section.finish()
    }

    private mutating func readSynthetic(_ section: ConfigurationSection) throws(FathomError) {
        textures = try section.text("textures") ?? ""
        for text in try section.texts("scenes") ?? [] {
            guard let scene = SyntheticScene.Kind(rawValue: text) else {
                let names = SyntheticScene.Kind.allCases.map(\.rawValue)
                let near = nearestName(to: text, among: names)
                throw section.error(
                    "there are no scenes of kind '\(text)'",
                    near.map { "Did you mean '\($0)'?" }
                        ?? "Kinds are \(names.joined(separator: ", "))")
            }
            scenes.append(scene)
        }
        counts = [.train: 100_000, .validation: 200, .test: 200]
        guard let section = try section.section("count") else { return }
        for split in SplitName.allCases {
            if let count = try section.integer(split.rawValue, in: 0...4_000_000) {
                counts[split] = count
            }
        }
        try section.finish()
    }
}

/// How a data set is divided: shares by scene, or a list file for each part.
public struct SplitConfiguration: Sendable {
    /// What stays together.
    public enum Unit: String, Hashable, Sendable, CaseIterable {
        /// All pictures of a scene or drive.
        case scene
        /// Each picture for itself; neighbours in time then leak from one part into another.
        case sample
    }

    /// Shares of the parts, which add up to 1 at most.
    public var shares: [SplitName: Double] = [.train: 0.6, .validation: 0.2, .test: 0.2]
    /// List files of the parts; where there is one for a part, shares don't matter.
    public var lists: [SplitName: String] = [:]
    /// What stays together.
    public var unit = Unit.scene
    /// Picks which scene goes where.
    public var seed: UInt64 = 0

    /// 6:2:2 by scene.
    public init() {}

    /// Reads the mapping; the default where it is absent.
    init(_ section: ConfigurationSection?) throws(FathomError) {
        guard let section else { return }
        var given: [SplitName: Double] = [:]
        for split in SplitName.allCases {
            guard let text = try section.text(split.rawValue) else { continue }
            if let share = Double(text) {
                guard share >= 0, share <= 1 else {
                    throw section.error(
                        "'\(split.rawValue)' is \(text)", "Give a share from 0 to 1")
                }
                given[split] = share
            } else {
                lists[split] = text
            }
        }
        guard given.isEmpty || lists.isEmpty else {
            throw section.error(
                "shares and list files are mixed", "Give a share for each part, or a list for each")
        }
        if !given.isEmpty {
            shares = given
            let sum = given.values.reduce(0, +)
            guard sum > 0, sum <= 1 + 1e-9 else {
                throw section.error(
                    "the shares add up to \(sum)", "They must add up to 1 at most")
            }
        }
        unit = try section.choice("by", default: .scene)
        seed = UInt64(try section.integer("seed", in: 0...Int(Int32.max)) ?? 0)
        try section.finish()
    }

    /// Which samples are in which part, in ascending order; scenes are dealt out in a seeded order until each part has
    /// its share of the samples.
    public func divided(_ dataset: any DepthDataset) -> [SplitName: [Int]] {
        var groups: [String: [Int]] = [:]
        var order: [String] = []
        for index in 0..<dataset.count {
            let key = unit == .scene ? dataset.scene(index) : dataset.sampleName(index)
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(index)
        }
        var random = SeededRandom(seed ^ 0x5ce9_e5)
        order.sort()
        order.shuffle(using: &random)
        var parts: [SplitName: [Int]] = [:]
        for key in order {
            // To the part that lacks most of its share; whole scenes, so shares are met as nearly as they allow.
            let part = SplitName.allCases.filter { (shares[$0] ?? 0) > 0 }.max {
                lack($0, parts) < lack($1, parts)
            }
            guard let part else { break }
            parts[part, default: []] += groups[key] ?? []
        }
        let sum = shares.values.reduce(0, +)
        if sum < 1 - 1e-9 {
            // Shares below 1 leave the rest of each part out.
            for (part, indices) in parts {
                parts[part] = Array(
                    indices.prefix(Int((Double(indices.count) * sum).rounded(.up))))
            }
        }
        return parts.mapValues { $0.sorted() }
    }

    private func lack(_ part: SplitName, _ parts: [SplitName: [Int]]) -> Double {
        let share = shares[part] ?? 0
        return share / Double((parts[part]?.count ?? 0) + 1)
    }
}
