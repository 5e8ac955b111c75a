import Glibc

/// Reads and writes whole files, with the system's own words when it fails.
package enum FileBytes {
    /// A whole file of at most `limit` bytes.
    package static func read(_ path: String, limit: Int) throws(FathomError) -> [UInt8] {
        try withFile(path) { (descriptor, size) throws(FathomError) in
            guard size <= limit else {
                throw failure(
                    "read", path, "it has \(size) bytes, more than the limit of \(limit)")
            }
            return try bytes(descriptor, path, offset: 0, count: size)
        }
    }

    /// A part of a file.
    package static func read(
        _ path: String, offset: Int, count: Int
    ) throws(FathomError) -> [UInt8] {
        try withFile(path) { (descriptor, size) throws(FathomError) in
            guard offset <= size, count <= size - offset else {
                throw failure(
                    "read", path, "it is too short: \(count) bytes from \(offset) on are wanted")
            }
            return try bytes(descriptor, path, offset: offset, count: count)
        }
    }

    /// The first bytes of a file: `count`, or all of a shorter one.
    package static func head(_ path: String, count: Int) throws(FathomError) -> [UInt8] {
        try withFile(path) { (descriptor, size) throws(FathomError) in
            try bytes(descriptor, path, offset: 0, count: min(count, size))
        }
    }

    /// Writes a file anew from pieces, one after the other; removes it again when that fails.
    package static func write(
        _ path: String, _ pieces: [UnsafeRawBufferPointer]
    ) throws(FathomError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure("write", path, systemWords) }
        var words: String?
        for piece in pieces where words == nil {
            var position = 0
            while position < piece.count, words == nil {
                let written = Glibc.write(
                    descriptor, piece.baseAddress?.advanced(by: position), piece.count - position)
                if written > 0 {
                    position += written
                } else if written == 0 || errno != EINTR {
                    words = systemWords
                }
            }
        }
        if close(descriptor) != 0, words == nil { words = systemWords }
        if let words {
            unlink(path)
            throw failure("write", path, words)
        }
    }

    static var systemWords: String { String(cString: strerror(errno)) }

    /// Opens a file, and nothing that only looks like one, for the length of a closure that gets its size.
    static func withFile<Result>(
        _ path: String, _ body: (Int32, Int) throws(FathomError) -> Result
    ) throws(FathomError) -> Result {
        // Not waiting: a named pipe without a writer must not hang the program.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("read", path, systemWords) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("read", path, systemWords) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw failure("read", path, "it is not a file")
        }
        return try body(descriptor, Int(status.st_size))
    }

    private static func bytes(
        _ descriptor: Int32, _ path: String, offset: Int, count: Int
    ) throws(FathomError) -> [UInt8] {
        var words: String?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, position in
            while position < count, words == nil {
                let got = pread(
                    descriptor, buffer.baseAddress?.advanced(by: position), count - position,
                    off_t(offset + position))
                if got > 0 {
                    position += got
                } else if got == 0 {
                    words = "it ended while it was read"
                } else if errno != EINTR {
                    words = systemWords
                }
            }
        }
        if let words { throw failure("read", path, words) }
        return bytes
    }

    static func failure(
        _ operation: String, _ path: String, _ cause: String
    ) -> FathomError {
        FathomError(operation: operation, subject: path, cause: cause)
    }
}
