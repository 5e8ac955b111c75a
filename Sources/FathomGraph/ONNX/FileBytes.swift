import FathomCore
import Foundation
import Glibc

/// Reads files of a stated size at most, with the system's own words when it fails.
enum FileBytes {
    /// A whole file.
    static func read(_ path: String, limit: Int) throws(FathomError) -> Data {
        try withFile(path) { (descriptor, size) throws(FathomError) in
            guard size <= limit else {
                throw failure(path, "it has \(size) bytes, more than the limit of \(limit)")
            }
            return try bytes(descriptor, path, offset: 0, count: size)
        }
    }

    /// A part of a file.
    static func read(_ path: String, offset: Int, count: Int) throws(FathomError) -> Data {
        try withFile(path) { (descriptor, size) throws(FathomError) in
            guard offset <= size, count <= size - offset else {
                throw failure(path, "it is too short: \(count) bytes from \(offset) on are wanted")
            }
            return try bytes(descriptor, path, offset: offset, count: count)
        }
    }

    private static func withFile(
        _ path: String, _ body: (Int32, Int) throws(FathomError) -> Data
    ) throws(FathomError) -> Data {
        // Not waiting: a named pipe without a writer must not hang the program.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw failure(path, String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw failure(path, "it is not a file") }
        return try body(descriptor, Int(status.st_size))
    }

    private static func bytes(
        _ descriptor: Int32, _ path: String, offset: Int, count: Int
    ) throws(FathomError) -> Data {
        var data = Data(count: count)
        var position = 0
        while position < count {
            let got = data.withUnsafeMutableBytes { buffer in
                pread(
                    descriptor, buffer.baseAddress?.advanced(by: position), count - position,
                    off_t(offset + position))
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw failure(path, String(cString: strerror(errno))) }
            guard got > 0 else { throw failure(path, "it ended while it was read") }
            position += got
        }
        return data
    }

    private static func failure(_ path: String, _ cause: String) -> FathomError {
        FathomError(operation: "read", subject: path, cause: cause)
    }
}
