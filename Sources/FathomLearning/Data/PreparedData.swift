import FathomCore
import FathomDepth
import FathomMedia
import FathomScenes
import Synchronization

/// A data set that is open and divided: every part's samples can be read, by any thread.
public final class PreparedData: Sendable {
    /// What it was made from.
    public let configuration: DataConfiguration
    private let parts: [SplitName: Part]
    private let brokenOnes = Mutex<[BrokenSample]>([])

    /// Samples of one part.
    struct Part: Sendable {
        let dataset: any DepthDataset
        let indices: [Int]
    }

    /// A sample that can't be used, and why.
    public struct BrokenSample: Hashable, Sendable, Codable {
        /// The sample.
        public let name: String
        /// The error's line.
        public let reason: String
    }

    /// Opens a data set; an empty part, a missing file or calibration is an error here.
    public init(_ configuration: DataConfiguration) throws(FathomError) {
        self.configuration = configuration
        parts = try DatasetOpening.parts(configuration)
    }

    /// Samples already divided, for tests and programs that bring their own data set.
    public init(
        _ configuration: DataConfiguration, _ datasets: [SplitName: any DepthDataset]
    ) {
        self.configuration = configuration
        parts = datasets.mapValues { Part(dataset: $0, indices: Array(0..<$0.count)) }
    }

    /// How many samples a part has.
    public func count(_ split: SplitName) -> Int { parts[split]?.indices.count ?? 0 }

    /// The part, or the error that says it's empty.
    func part(_ split: SplitName) throws(FathomError) -> Part {
        guard let part = parts[split], !part.indices.isEmpty else {
            throw FathomError(
                .usage, operation: "use", subject: configuration.place,
                cause: "its part '\(split.rawValue)' is empty",
                remedy: "Check 'split': shares and lists, and that the data has enough scenes")
        }
        return part
    }

    /// A sample's name within its part.
    public func name(_ split: SplitName, _ index: Int) throws(FathomError) -> String {
        let (part, number) = try place(split, index)
        return part.dataset.sampleName(number)
    }

    /// The scene or drive of a sample.
    public func scene(_ split: SplitName, _ index: Int) throws(FathomError) -> String {
        let (part, number) = try place(split, index)
        return part.dataset.scene(number)
    }

    private func place(
        _ split: SplitName, _ index: Int
    ) throws(FathomError) -> (part: Part, number: Int) {
        let part = try part(split)
        guard part.indices.indices.contains(index) else {
            throw FathomError(
                .usage, operation: "use", subject: "sample \(index) of '\(split.rawValue)'",
                cause: "there are \(part.indices.count)",
                remedy: "Give a number from 0 to \(part.indices.count - 1)")
        }
        return (part, part.indices[index])
    }

    /// Reads a sample of a part as it is in the data set, and checks that it can be learnt from.
    public func sample(_ split: SplitName, _ index: Int) throws(FathomError) -> DepthSample {
        let (part, number) = try place(split, index)
        return try complete(part.dataset, number)
    }

    /// Samples of a clip that begins with a sample, `configuration.clip` of them, and `steps` behind.
    func clip(_ split: SplitName, _ index: Int) throws(FathomError) -> [DepthSample] {
        let (part, number) = try place(split, index)
        var samples = [try complete(part.dataset, number)]
        for step in 1..<max(configuration.clip, 1) {
            guard let next = part.dataset.neighbour(of: number, by: step) else {
                throw FathomError(
                    operation: "read", subject: part.dataset.sampleName(number),
                    cause: "its clip ends after \(step) pictures of \(configuration.clip)",
                    remedy: "Give a smaller 'clip'")
            }
            samples.append(try complete(part.dataset, next))
        }
        return samples
    }

    private func complete(
        _ dataset: any DepthDataset, _ number: Int
    ) throws(FathomError) -> DepthSample {
        var sample = try dataset.sample(number)
        try check(sample)
        if configuration.neighbours {
            for (key, step) in [(DepthSample.Neighbour.previous, -1), (.next, 1)] {
                guard let other = dataset.neighbour(of: number, by: step) else {
                    throw FathomError(
                        operation: "read", subject: sample.name,
                        cause: "it has no \(key.rawValue) picture",
                        remedy: "Only pictures within a clip can be used with 'neighbours'")
                }
                sample.neighbours[key] = try dataset.sample(other).picture
            }
        }
        if configuration.stereo {
            guard let eye = try dataset.otherEye(number) else {
                throw FathomError(
                    operation: "read", subject: sample.name, cause: "it has no other eye",
                    remedy: "Leave 'stereo' out")
            }
            sample.neighbours[.otherEye] = eye.picture
            sample.baseline = eye.baseline
        }
        return sample
    }

    /// Refuses what no network can learn from: sizes that differ, NaN or negative depth, depth that is nowhere known.
    private func check(_ sample: DepthSample) throws(FathomError) {
        func failure(_ cause: String, _ remedy: String) -> FathomError {
            FathomError(operation: "use", subject: sample.name, cause: cause, remedy: remedy)
        }
        let picture = sample.picture.shape.dimensions
        guard picture.count == 3, Array(picture[1...]) == sample.depth.shape.dimensions else {
            throw failure(
                "its picture is \(sample.picture.shape) and its depth \(sample.depth.shape)",
                "They must have the same size")
        }
        var (hasNaN, hasNegative, known) = (false, false, 0)
        sample.depth.withUnsafeBuffer { values in
            for value in values {
                hasNaN = hasNaN || value.isNaN
                hasNegative = hasNegative || value < 0
                known += value > 0 ? 1 : 0
            }
        }
        guard !hasNaN else { throw failure("its depth has NaN", "Write 0 where it's unknown") }
        guard !hasNegative else {
            throw failure("its depth has negative values", "Depth is in metres; 0 is unknown")
        }
        guard known > 0 || configuration.truth == .none else {
            throw failure("no depth of it is known", "Leave it out")
        }
    }

    /// Notes that a sample can't be used.
    func report(_ name: String, _ error: FathomError) {
        let broken = BrokenSample(name: name, reason: error.description)
        brokenOnes.withLock { list in
            if !list.contains(broken), list.count < 100_000 { list.append(broken) }
        }
    }

    /// Samples that couldn't be used so far, by name.
    public var broken: [BrokenSample] {
        brokenOnes.withLock { $0 }.sorted { $0.name < $1.name }
    }

    /// Reads up to `limit` samples of a part, evenly spread, and those left out for good: before the first step, so that
    /// what is wrong with the data shows now and not after an hour.
    ///
    /// - Throws: the first sample's error, where broken ones are not to be skipped; an error when none is left.
    public func verify(_ split: SplitName, limit: Int = 128) throws(FathomError) {
        let part = try part(split)
        for number in part.indices {
            do throws(FathomError) { try part.dataset.glance(number) } catch {
                try refuse(part.dataset.sampleName(number), error)
            }
        }
        // Rendered places have no files that could be broken: a look at one will do.
        let wanted = configuration.kind == .synth ? 1 : min(limit, part.indices.count)
        var readable = 0
        for step in 0..<wanted {
            let number = part.indices[step * part.indices.count / wanted]
            do throws(FathomError) {
                try check(part.dataset.sample(number))
                readable += 1
            } catch {
                try refuse(part.dataset.sampleName(number), error)
            }
        }
        guard readable > 0 else {
            throw FathomError(
                operation: "use", subject: configuration.place,
                cause:
                    "none of \(wanted) samples of '\(split.rawValue)' can be read: \(broken.first?.reason ?? "")",
                remedy: "Run 'fathom data check' for the list")
        }
    }

    private func refuse(_ name: String, _ error: FathomError) throws(FathomError) {
        report(name, error)
        guard configuration.broken == .skip else {
            var error = error
            if error.remedy.isEmpty {
                error.remedy = "Mend or remove it, or write 'broken: skip' under data"
            }
            throw error
        }
    }
}

/// Opens data sets of every kind: adding one is a file and a line here.
enum DatasetOpening {
    static func parts(
        _ configuration: DataConfiguration
    ) throws(FathomError) -> [SplitName: PreparedData.Part] {
        switch configuration.kind {
        case .synth: return try synthetic(configuration)
        case .folder:
            let hasDepth = configuration.truth != .none
            return try divided(
                FolderDataset(list: configuration.root, hasDepth: hasDepth), configuration)
        case .nyu: return try divided(NYUDataset.open(configuration), configuration)
        case .kitti: return try divided(KITTIDataset(configuration), configuration)
        }
    }

    private static func synthetic(
        _ configuration: DataConfiguration
    ) throws(FathomError) -> [SplitName: PreparedData.Part] {
        var options = SyntheticDataset.Options()
        options.seed = configuration.split.seed
        options.width = configuration.size.width
        options.height = configuration.size.height
        options.kinds = configuration.scenes
        // A picture that needs one before and one after stands within a clip of three.
        let room = configuration.neighbours ? 1 : 0
        options.clipLength = configuration.clip + 2 * room
        options.withFlow = configuration.clip > 1
        if !configuration.textures.isEmpty {
            options.textures = try TextureFolder.read(configuration.textures)
        }
        var parts: [SplitName: PreparedData.Part] = [:]
        for split in SplitName.allCases {
            let count = configuration.counts[split] ?? 0
            let scenes = (count + configuration.clip - 1) / configuration.clip
            let dataset = SyntheticDataset(
                options, split: split, count: scenes * options.clipLength)
            let indices =
                options.clipLength == 1
                ? Array(0..<count)
                : (0..<scenes).map { $0 * options.clipLength + room }
            parts[split] = PreparedData.Part(dataset: dataset, indices: indices)
        }
        return parts
    }

    private static func divided(
        _ dataset: any DepthDataset & ListedSamples, _ configuration: DataConfiguration
    ) throws(FathomError) -> [SplitName: PreparedData.Part] {
        var indices: [SplitName: [Int]] = [:]
        if configuration.split.lists.isEmpty {
            indices = configuration.split.divided(dataset)
        } else {
            for (split, path) in configuration.split.lists {
                indices[split] = try listed(dataset, path)
            }
        }
        let reach = configuration.clip - 1
        return indices.mapValues { all in
            let usable = all.filter { index in
                let isInClip =
                    reach == 0 || dataset.neighbour(of: index, by: reach) != nil
                let hasNeighbours =
                    !configuration.neighbours
                    || dataset.neighbour(of: index, by: -1) != nil
                        && dataset.neighbour(of: index, by: 1) != nil
                return isInClip && hasNeighbours
            }
            return PreparedData.Part(dataset: dataset, indices: usable)
        }
    }

    /// The samples that a list file names, one a line.
    private static func listed(
        _ dataset: any DepthDataset & ListedSamples, _ path: String
    ) throws(FathomError) -> [Int] {
        let bytes = try FileBytes.read(path, limit: 1 << 28)
        var result: [Int] = []
        let lines = String(decoding: bytes, as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (number, line) in lines.enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard !words.isEmpty, !line.hasPrefix("#") else { continue }
            guard let index = dataset.index(listed: words.map(String.init)) else {
                throw FathomError(
                    operation: "read", subject: path,
                    cause: "line \(number + 1), '\(line)', names no sample of \(dataset.name)",
                    remedy: "Lines must be \(dataset.listFormat)")
            }
            result.append(index)
        }
        return result
    }
}

/// A data set whose samples can be named in list files.
protocol ListedSamples {
    /// What a line looks like, for errors.
    var listFormat: String { get }
    /// The sample that a line's words name.
    func index(listed words: [String]) -> Int?
}
