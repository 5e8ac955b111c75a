import FathomCore
import Foundation

/// Reads a whole data set and says what is in it and what is wrong with it.
public struct DataCheck: Sendable {
    /// The training configuration.
    public var configuration: String
    /// Threads that read.
    public var threads = WorkerPool.machine.threads
    /// Rendered samples of each part that are looked at; files are all read.
    public static let renderedLimit = 50

    /// Checks the data of a configuration.
    public init(configuration: String) { self.configuration = configuration }

    /// What was found.
    public struct Report: Codable, Sendable {
        /// Kind of data set.
        public let kind: String
        /// Where it is.
        public let root: String
        /// Part → what is in it.
        public let splits: [String: Part]
        /// What can't be used.
        public let broken: [PreparedData.BrokenSample]
    }

    /// What is in a part.
    public struct Part: Codable, Sendable {
        /// Samples.
        public var count = 0
        /// Samples that were read.
        public var checked = 0
        /// Of them, those that can't be used.
        public var broken = 0
        /// Scenes or drives.
        public var scenes = 0
        /// Sizes of pictures, `WxH` → how many.
        public var sizes: [String: Int] = [:]
        /// Smallest known depth in metres.
        public var minimumDepth: Float?
        /// Largest known and finite depth in metres.
        public var maximumDepth: Float?
        /// Share of pixels whose depth is known.
        public var knownShare = 0.0
    }

    /// Reads everything. Broken samples are counted and listed, whatever the configuration does with them.
    public func run() throws(FathomError) -> Report {
        let sections = try DataSections(file: configuration)
        let data = try PreparedData(sections.data)
        var parts: [String: Part] = [:]
        for split in SplitName.allCases where data.count(split) > 0 {
            parts[split.rawValue] = try part(data, split)
        }
        guard !parts.isEmpty else {
            throw FathomError(
                operation: "check", subject: sections.data.root, cause: "every part is empty",
                remedy: "Check 'split' and 'count'")
        }
        return Report(
            kind: sections.data.kind.rawValue, root: sections.data.root, splits: parts,
            broken: data.broken)
    }

    private func part(_ data: PreparedData, _ split: SplitName) throws(FathomError) -> Part {
        var part = Part()
        part.count = data.count(split)
        let wanted =
            data.configuration.kind == .synth ? min(part.count, Self.renderedLimit) : part.count
        part.checked = wanted
        var scenes: Set<String> = []
        for index in 0..<part.count { scenes.insert(try data.scene(split, index)) }
        part.scenes = scenes.count
        let tally = DepthTally()
        WorkerPool(threads: max(threads, 1)).run(chunks: wanted) { chunk in
            let index = chunk * data.count(split) / wanted
            do throws(FathomError) {
                tally.add(try data.sample(split, index))
            } catch {
                data.report((try? data.name(split, index)) ?? "\(index)", error)
                tally.addBroken()
            }
        }
        tally.write(to: &part)
        return part
    }
}

/// Sums over samples from several threads.
private final class DepthTally: @unchecked Sendable {
    // Sendable: `lock` guards every variable below.
    private let lock = Condition()
    private var part = DataCheck.Part()
    private var known = 0
    private var pixels = 0

    func addBroken() { lock.withLock { part.broken += 1 } }

    func add(_ sample: DepthSample) {
        var (low, high, count) = (Float.infinity, -Float.infinity, 0)
        sample.depth.withUnsafeBuffer { values in
            for value in values where value > 0 {
                count += 1
                guard value.isFinite else { continue }
                low = min(low, value)
                high = max(high, value)
            }
        }
        let size = "\(sample.depth.shape[1])x\(sample.depth.shape[0])"
        lock.withLock {
            known += count
            pixels += sample.depth.count
            part.sizes[size, default: 0] += 1
            guard low <= high else { return }
            part.minimumDepth = min(part.minimumDepth ?? low, low)
            part.maximumDepth = max(part.maximumDepth ?? high, high)
        }
    }

    func write(to other: inout DataCheck.Part) {
        lock.withLock {
            other.broken = part.broken
            other.sizes = part.sizes
            other.minimumDepth = part.minimumDepth
            other.maximumDepth = part.maximumDepth
            other.knownShare = Double(known) / Double(max(pixels, 1))
        }
    }
}
