import FathomCore
import FathomDepth
import Glibc

/// Writes depth maps into a folder, one file each, and `manifest.jsonl` beside them.
///
/// Files are named `%08d.EXT` and appear under that name only when they are whole. The manifest grows by a
/// line after each file, so that after a crash it names whole files only. `Docs/DepthFiles.md` describes both.
public final class DepthFolderWriter {
    /// What is written, and where.
    public struct Options: Sendable {
        /// The folder; it is made if its parent exists.
        public var folder: String
        /// The files' format.
        public var format: DepthFileFormat
        /// From the network's values to the files'.
        public var conversion: DepthConversion
        /// The scale of metres in 16-bit files; KITTI's if absent.
        public var pngScale: DepthPNGScale?
        /// The range of other values in 16-bit files, in the files' unit; by the first frame if absent.
        public var storageRange: ClosedRange<Float>?
        /// Whether frames that are in the folder already are removed.
        public var overwrite: Bool

        /// Makes options.
        public init(
            folder: String, format: DepthFileFormat, conversion: DepthConversion,
            pngScale: DepthPNGScale? = nil, storageRange: ClosedRange<Float>? = nil,
            overwrite: Bool = false
        ) {
            self.folder = folder
            self.format = format
            self.conversion = conversion
            self.pngScale = pngScale
            self.storageRange = storageRange
            self.overwrite = overwrite
        }
    }

    /// Files written.
    public private(set) var frames = 0
    /// Their bytes and the manifest's.
    public private(set) var bytes = 0
    /// Values that 16 bits could not hold and that were brought to the nearer end.
    public private(set) var clampedSamples = 0

    private let options: Options
    private let manifest: ManifestWriter
    private var mapping: DepthPNGMapping?
    private var storageRange: ClosedRange<Float>?
    private var converted: [Float] = []

    /// Makes the folder and begins its manifest.
    public init(_ options: Options, header: ManifestHeader) throws(FathomError) {
        let conversion = options.conversion
        if let scale = options.pngScale, conversion.kind != .metres {
            throw FathomError(
                .usage, operation: "write", subject: "frames at the scale \(scale.rawValue)",
                cause: "that is a scale of metres, and the frames hold"
                    + " \(conversion.unit.rawValue) \(conversion.kind.rawValue)",
                remedy: "Drop --frames-scale, or give --camera FILE and --frames-as metres")
        }
        self.options = options
        if options.format == .png16, conversion.kind == .metres {
            mapping = DepthPNGMapping(options.pngScale ?? .kitti)
        } else {
            storageRange = options.storageRange
        }
        try Self.prepare(options)
        var header = header
        header.format = options.format
        header.unit = conversion.unit
        manifest = try ManifestWriter(path: options.folder + "/manifest.jsonl", header: header)
    }

    /// Writes a depth map of the network's values as the next file, and its line.
    ///
    /// Of `frame`, the index, the file's name, size, kind and scale are filled in here, and the range is
    /// brought from the network's unit to the file's.
    public func write(_ image: DepthImage, _ frame: ManifestFrame) throws(FathomError) {
        if options.conversion.isIdentity {
            try writeConverted(image, frame)
            return
        }
        if converted.count != image.values.count {
            converted = [Float](repeating: 0, count: image.values.count)
        }
        var values = converted
        converted = []
        values.withUnsafeMutableBufferPointer { options.conversion.convert(image.values, into: $0) }
        try values.withUnsafeBufferPointer { (buffer) throws(FathomError) in
            let image = DepthImage(buffer, width: image.width, height: image.height)
            try writeConverted(image, frame)
        }
        converted = values
    }

    private func writeConverted(
        _ image: DepthImage, _ source: ManifestFrame
    ) throws(FathomError) {
        let number = String(frames)
        let zeros = String(repeating: "0", count: max(0, 8 - number.count))
        var frame = source
        frame.index = frames
        frame.file = "\(zeros)\(number).\(options.format.fileExtension)"
        (frame.width, frame.height) = (image.width, image.height)
        frame.kind = options.conversion.kind
        frame.scale = 1
        frame.range = source.range.flatMap { options.conversion.convert($0) }

        let content: [UInt8]
        switch options.format {
        case .npy: content = NumpyBytes.array(image)
        case .npz: content = NumpyBytes.archive(image, timestamp: frame.timestamp)
        case .pfm: content = PortableFloatMap.bytes(image)
        case .exr:
            content = try OpenEXRFile.bytes(
                image, kind: frame.kind, unit: options.conversion.unit)
        case .png16: content = portableGraymap(image, &frame)
        }
        try Self.writeWhole(content, folder: options.folder, file: frame.file)
        bytes += content.count
        try manifest.write(frame)
        frames += 1
    }

    private func portableGraymap(_ image: DepthImage, _ frame: inout ManifestFrame) -> [UInt8] {
        let unit = options.conversion.unit
        if mapping == nil {
            let range = storageRange ?? StorageRange.covering(image.values, unit: unit)
            storageRange = range
            mapping = DepthPNGMapping(range)
        }
        let mapping = mapping ?? DepthPNGMapping(.kitti)
        if let storageRange { frame.range = storageRange }
        frame.scale = mapping.scale
        let notes = [
            ("Kind", frame.kind.rawValue), ("Unit", unit.rawValue), ("Scale", "\(mapping.scale)"),
            ("Offset", "\(mapping.offset)"),
        ]
        let (content, clamped) = DepthPNG.bytes(image, mapping: mapping, notes: notes)
        clampedSamples += clamped
        return content
    }

    /// Ends the manifest.
    public func finish() throws(FathomError) {
        bytes += manifest.bytes
        try manifest.finish()
    }
}

extension DepthFolderWriter {
    /// Makes the folder; frames of an earlier run are an error, or are removed.
    private static func prepare(_ options: Options) throws(FathomError) {
        let folder = options.folder
        if mkdir(folder, 0o777) != 0, errno != EEXIST {
            throw FileSink.error("make the folder", folder, errno)
        }
        guard let directory = opendir(folder) else {
            throw FileSink.error("open the folder", folder, errno)
        }
        defer { closedir(directory) }
        var old: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if isOurs(name) { old.append(name) }
        }
        guard old.isEmpty || options.overwrite else {
            throw FathomError(
                operation: "write", subject: folder, cause: "it has depth frames already",
                remedy: "Give another --frames-dir, or --overwrite")
        }
        for name in old where unlink("\(folder)/\(name)") != 0 {
            throw FileSink.error("remove", "\(folder)/\(name)", errno)
        }
    }

    /// Whether a name is one that this writer gives.
    private static func isOurs(_ name: String) -> Bool {
        if name == "manifest.jsonl" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count >= 8, parts[0].allSatisfy({ "0"..."9" ~= $0 }) else {
            return false
        }
        return DepthFileFormat.allCases.contains { $0.fileExtension == parts[1] }
    }

    /// Writes a file under a passing name, then gives it its own.
    private static func writeWhole(
        _ content: [UInt8], folder: String, file: String
    ) throws(FathomError) {
        let path = "\(folder)/\(file)"
        let passing = "\(folder)/.\(file).partial"
        do {
            let sink = try FileSink(path: passing)
            try content.withUnsafeBufferPointer { (buffer) throws(FathomError) in
                try sink.write(UnsafeRawBufferPointer(buffer))
            }
            try sink.close()
        } catch {
            unlink(passing)
            throw FathomError(
                operation: error.operation, subject: path, cause: error.cause,
                remedy: error.remedy)
        }
        guard rename(passing, path) == 0 else {
            let code = errno
            unlink(passing)
            throw FileSink.error("rename", passing, code)
        }
    }
}
