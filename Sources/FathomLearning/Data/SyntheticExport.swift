import FathomCore
import FathomMedia
import FathomScenes
import Foundation

/// Renders places into a folder that can be read as a `folder` data set.
public struct SyntheticExport: Sendable {
    /// The folder; made where it isn't there.
    public var folder: String
    /// Number of pictures.
    public var count = 100
    /// What is rendered.
    public var options = SyntheticDataset.Options()
    /// Threads that render.
    public var threads = WorkerPool.machine.threads

    /// Exports into a folder.
    public init(folder: String) { self.folder = folder }

    /// What was written.
    public struct Result: Codable, Sendable {
        /// The list to give as `root` of a `folder` data set.
        public let list: String
        /// Pictures.
        public let pictures: Int
        /// Places.
        public let scenes: Int
        /// Wall clock.
        public let seconds: Double
        /// Pictures a second.
        public let rate: Double
    }

    /// Writes `rgb/NAME.png`, `depth/NAME.npy` (metres along the optical axis, infinite in the sky), for clips
    /// `flow/NAME.npy`, and `index.jsonl`.
    public func run() throws(FathomError) -> Result {
        let started = SystemClock.monotonicNanoseconds
        let options = complete
        let list = folder + "/index.jsonl"
        guard !FileManager.default.fileExists(atPath: list) else {
            throw FathomError(
                .usage, operation: "write", subject: list, cause: "it exists already",
                remedy: "Choose another folder with -o")
        }
        for part in ["rgb", "depth"] + (options.withFlow ? ["flow"] : []) {
            do {
                try FileManager.default.createDirectory(
                    atPath: "\(folder)/\(part)", withIntermediateDirectories: true)
            } catch {
                throw FathomError(
                    operation: "make", subject: "\(folder)/\(part)",
                    cause: error.localizedDescription)
            }
        }
        let dataset = SyntheticDataset(
            options, split: .train, count: max(count, options.clipLength))
        let pool = WorkerPool(threads: max(threads, 1))
        let rows = RowCollector(count: dataset.count)
        pool.run(chunks: dataset.count) { index in
            do throws(FathomError) {
                rows.put(try write(dataset, index, options), at: index)
            } catch { rows.fail(error) }
        }
        try FolderDataset.write(rows.finished(), to: list)
        let seconds = Double(SystemClock.monotonicNanoseconds - started) / 1e9
        return Result(
            list: list, pictures: dataset.count, scenes: dataset.count / options.clipLength,
            seconds: seconds, rate: Double(dataset.count) / max(seconds, 1e-9))
    }

    private var complete: SyntheticDataset.Options {
        var options = options
        options.withFlow = options.clipLength > 1
        return options
    }

    private func write(
        _ dataset: SyntheticDataset, _ index: Int, _ options: SyntheticDataset.Options
    ) throws(FathomError) -> FolderDataset.Row {
        let sample = try dataset.sample(index)
        let digits = String(index)
        let name = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        try StillImage.writePNG(sample.picture, to: "\(folder)/rgb/\(name).png")
        try NumpyFile.write(sample.depth, to: "\(folder)/depth/\(name).npy")
        var row = FolderDataset.Row(rgb: "rgb/\(name).png", depth: "depth/\(name).npy")
        row.scene = sample.scene
        if let flow = sample.flow {
            try NumpyFile.write(flow, to: "\(folder)/flow/\(name).npy")
            row.flow = "flow/\(name).npy"
        }
        if options.clipLength > 1 { row.clip = sample.scene }
        if let camera = sample.intrinsics {
            (row.fx, row.fy, row.cx, row.cy) = (camera.fx, camera.fy, camera.cx, camera.cy)
        }
        row.pose = sample.pose
        return row
    }
}

/// Rows from several threads, each at its place.
private final class RowCollector: @unchecked Sendable {
    // Sendable: `lock` guards every variable below.
    private let lock = Condition()
    private var rows: [FolderDataset.Row?]
    private var failure: FathomError?

    init(count: Int) { rows = Array(repeating: nil, count: count) }

    func put(_ row: FolderDataset.Row, at index: Int) { lock.withLock { rows[index] = row } }

    func fail(_ error: FathomError) { lock.withLock { failure = failure ?? error } }

    func finished() throws(FathomError) -> [FolderDataset.Row] {
        try lock.withLock { () throws(FathomError) -> [FolderDataset.Row] in
            if let failure { throw failure }
            return rows.compactMap { $0 }
        }
    }
}
