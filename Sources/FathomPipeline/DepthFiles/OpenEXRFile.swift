import COpenEXR
import FathomCore
import FathomDepth

/// OpenEXR files of one float channel: `Z` for depth and metres, `inverseDepth` for inverse depth, which `Z` never is.
package enum OpenEXRFile {
    /// The channel that holds values of a kind.
    static func channel(_ kind: DepthKind) -> String {
        kind == .inverseDepth ? "inverseDepth" : "Z"
    }

    /// The file's bytes, scan lines compressed by ZIP, with the attributes `kind` and `unit`.
    static func bytes(
        _ image: DepthImage, kind: DepthKind, unit: DepthUnit
    ) throws(FathomError) -> [UInt8] {
        let memory = FileMemory([])
        let file = try OpenEXRContext(memory, operation: "write", subject: "an EXR file") {
            exr_start_write(&$0, "depth", EXR_WRITE_FILE_DIRECTLY, &$1)
        }
        var part: Int32 = 0
        try file.check(exr_add_part(file.context, "depth", EXR_STORAGE_SCANLINE, &part))
        try file.check(
            exr_initialize_required_attr_simple(
                file.context, part, Int32(image.width), Int32(image.height), EXR_COMPRESSION_ZIP))
        try file.check(
            exr_add_channel(
                file.context, part, channel(kind), EXR_PIXEL_FLOAT, EXR_PERCEPTUALLY_LINEAR, 1, 1))
        for (name, value) in [("kind", kind.rawValue), ("unit", unit.rawValue)] {
            try file.check(exr_attr_set_string(file.context, part, name, value))
        }
        try file.check(exr_write_header(file.context))
        var lines: Int32 = 0
        try file.check(exr_get_scanlines_per_chunk(file.context, part, &lines))
        guard let base = image.bytes.baseAddress else { return [] }
        var pipeline = exr_encode_pipeline_t()
        defer { exr_encoding_destroy(file.context, &pipeline) }
        for row in stride(from: 0, to: image.height, by: max(1, Int(lines))) {
            var chunk = exr_chunk_info_t()
            try file.check(
                exr_write_scanline_chunk_info(file.context, part, Int32(row), &chunk))
            try file.check(
                row == 0
                    ? exr_encoding_initialize(file.context, part, &chunk, &pipeline)
                    : exr_encoding_update(file.context, part, &chunk, &pipeline))
            let from = base.assumingMemoryBound(to: UInt8.self) + 4 * row * image.width
            pipeline.channels[0].encode_from_ptr = from
            pipeline.channels[0].user_pixel_stride = 4
            pipeline.channels[0].user_line_stride = Int32(4 * image.width)
            if row == 0 {
                try file.check(
                    exr_encoding_choose_default_routines(file.context, part, &pipeline))
            }
            try file.check(exr_encoding_run(file.context, part, &pipeline))
        }
        try file.finish()
        return memory.bytes
    }
}

extension OpenEXRFile {
    // A small file can say that it has any number of pixels.
    private static let largestPicture = 1 << 27
    private static let largestSize = largestPicture * 4 + (1 << 20)
    /// Names under which a depth is looked for, the likeliest first.
    private static let names = ["Z", "inverseDepth", "Y", "R"]

    /// Reads the depth of a file's first part, scan lines of half or float, as an H×W tensor, the top row first.
    ///
    /// It is the channel `Z`, `inverseDepth`, `Y` or `R`, or the only one there is.
    package static func read(_ path: String) throws(FathomError) -> Tensor {
        let memory = FileMemory(try FileBytes.read(path, limit: largestSize))
        let file = try OpenEXRContext(memory, operation: "read", subject: path) {
            exr_start_read(&$0, "depth", &$1)
        }
        var storage = EXR_STORAGE_SCANLINE
        try file.check(exr_get_storage(file.context, 0, &storage))
        guard storage == EXR_STORAGE_SCANLINE else {
            throw file.failure("it is made of tiles or deep", "Write it as scan lines")
        }
        var window = exr_attr_box2i_t()
        try file.check(exr_get_data_window(file.context, 0, &window))
        let width = Int(window.max.x) - Int(window.min.x) + 1
        let height = Int(window.max.y) - Int(window.min.y) + 1
        guard width > 0, height > 0, let shape = Shape(checking: [height, width]),
            shape.count <= largestPicture
        else { throw file.failure("its picture is \(width)×\(height)", "Write it anew") }
        var lines: Int32 = 0
        try file.check(exr_get_scanlines_per_chunk(file.context, 0, &lines))
        guard lines > 0 else { throw file.failure("its scan lines have no order", "Write it anew") }
        // A last chunk may be shorter than the others: there is room for it whole.
        let rows = (height + Int(lines) - 1) / Int(lines) * Int(lines)
        var values = [Float](repeating: 0, count: rows * width)
        var pipeline = exr_decode_pipeline_t()
        defer { exr_decoding_destroy(file.context, &pipeline) }
        for row in stride(from: 0, to: height, by: Int(lines)) {
            var chunk = exr_chunk_info_t()
            try file.check(
                exr_read_scanline_chunk_info(
                    file.context, 0, window.min.y + Int32(row), &chunk))
            try file.check(
                row == 0
                    ? exr_decoding_initialize(file.context, 0, &chunk, &pipeline)
                    : exr_decoding_update(file.context, 0, &chunk, &pipeline))
            let depth = try channel(pipeline, file)
            guard Int(chunk.height) <= Int(lines), Int(chunk.width) == width,
                chunk.start_y == window.min.y + Int32(row)
            else { throw file.failure("its scan lines are out of order", "Write it anew") }
            let status = values.withUnsafeMutableBytes { all -> exr_result_t in
                guard let base = all.baseAddress else { return 0 }
                for index in 0..<Int(pipeline.channel_count) where index != depth {
                    pipeline.channels[index].decode_to_ptr = nil
                }
                pipeline.channels[depth].decode_to_ptr =
                    (base + 4 * row * width).assumingMemoryBound(to: UInt8.self)
                pipeline.channels[depth].user_pixel_stride = 4
                pipeline.channels[depth].user_line_stride = Int32(4 * width)
                pipeline.channels[depth].user_bytes_per_element = 4
                pipeline.channels[depth].user_data_type = UInt16(EXR_PIXEL_FLOAT.rawValue)
                if row == 0 {
                    let status = exr_decoding_choose_default_routines(
                        file.context, 0, &pipeline)
                    guard status == 0 else { return status }
                }
                return exr_decoding_run(file.context, 0, &pipeline)
            }
            try file.check(status)
        }
        return Tensor(shape: shape, values: values.prefix(shape.count))
    }

    /// Which of a chunk's channels is the depth.
    private static func channel(
        _ pipeline: exr_decode_pipeline_t, _ file: OpenEXRContext
    ) throws(FathomError) -> Int {
        let count = Int(pipeline.channel_count)
        let found = (0..<count).map { String(cString: pipeline.channels[$0].channel_name) }
        let index = names.lazy.compactMap { found.firstIndex(of: $0) }.first
        guard let index = index ?? (count == 1 ? 0 : nil) else {
            throw file.failure(
                "its channels are \(found.joined(separator: ", "))", "Name the depth's Z")
        }
        let channel = pipeline.channels[index]
        guard channel.data_type != UInt16(EXR_PIXEL_UINT.rawValue), channel.x_samples == 1,
            channel.y_samples == 1
        else {
            throw file.failure(
                "its channel \(found[index]) is whole numbers or subsampled",
                "Write float or half for every pixel")
        }
        return index
    }
}

/// A file in memory, as the library reads and writes it.
private final class FileMemory {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func from(_ pointer: UnsafeMutableRawPointer) -> FileMemory {
        Unmanaged<FileMemory>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Copies from the file; how much there was, −1 for a place beyond its end.
    func read(_ buffer: UnsafeMutableRawPointer, count: UInt64, at offset: UInt64) -> Int64 {
        guard let offset = Int(exactly: offset), let count = Int(exactly: count),
            offset <= bytes.count
        else { return -1 }
        let length = min(count, bytes.count - offset)
        bytes.withUnsafeBytes { all in
            if let base = all.baseAddress, length > 0 {
                buffer.copyMemory(from: base + offset, byteCount: length)
            }
        }
        return Int64(length)
    }

    /// Copies into the file, which grows as it must.
    func write(_ buffer: UnsafeRawPointer, count: UInt64, at offset: UInt64) -> Int64 {
        guard let offset = Int(exactly: offset), let count = Int(exactly: count),
            offset + count <= 1 << 34
        else { return -1 }
        if bytes.count < offset + count {
            bytes += [UInt8](repeating: 0, count: offset + count - bytes.count)
        }
        bytes.withUnsafeMutableBytes { all in
            if let base = all.baseAddress, count > 0 {
                (base + offset).copyMemory(from: buffer, byteCount: count)
            }
        }
        return Int64(count)
    }
}

/// The library's view of an open file.
private final class OpenEXRContext {
    private(set) var context: exr_context_t?
    private let memory: FileMemory
    private let operation: String
    private let subject: String

    init(
        _ memory: FileMemory, operation: String, subject: String,
        open: (inout exr_context_t?, inout exr_context_initializer_t) -> exr_result_t
    ) throws(FathomError) {
        self.memory = memory
        self.operation = operation
        self.subject = subject
        var options = exr_context_initializer_t()
        options.size = MemoryLayout<exr_context_initializer_t>.size
        options.error_handler_fn = { _, _, _ in }
        options.user_data = Unmanaged.passUnretained(memory).toOpaque()
        options.read_fn = { _, memory, buffer, count, offset, _ in
            guard let memory, let buffer else { return -1 }
            return FileMemory.from(memory).read(buffer, count: count, at: offset)
        }
        options.size_fn = { _, memory in
            memory.map { Int64(FileMemory.from($0).bytes.count) } ?? -1
        }
        options.write_fn = { _, memory, buffer, count, offset, _ in
            guard let memory, let buffer else { return -1 }
            return FileMemory.from(memory).write(buffer, count: count, at: offset)
        }
        options.zip_level = -1
        options.dwa_quality = -1
        try check(open(&context, &options))
    }

    deinit {
        if context != nil { exr_finish(&context) }
    }

    func finish() throws(FathomError) { try check(exr_finish(&context)) }

    func check(_ status: exr_result_t) throws(FathomError) {
        guard status != 0 else { return }
        let text = exr_get_default_error_message(status).map { String(cString: $0) } ?? "\(status)"
        throw failure("it is damaged or no EXR file (\(text))", "Write it anew")
    }

    func failure(_ cause: String, _ remedy: String) -> FathomError {
        FathomError(operation: operation, subject: subject, cause: cause, remedy: remedy)
    }
}
