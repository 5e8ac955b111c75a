import FathomCore
import Glibc

/// Writes files that are there whole or not at all, whenever the program or the machine is stopped.
enum AtomicFile {
    /// Writes pieces one after the other under a passing name, waits for the disk, and gives the file its name.
    static func write(_ path: String, _ pieces: [UnsafeRawBufferPointer]) throws(FathomError) {
        let passing = path + ".partial"
        try FileBytes.write(passing, pieces)
        let descriptor = open(passing, O_RDONLY | O_CLOEXEC)
        if descriptor >= 0 {
            fsync(descriptor)
            close(descriptor)
        }
        guard rename(passing, path) == 0 else {
            throw FathomError(
                operation: "write", subject: path, cause: String(cString: strerror(errno)),
                remedy: "Check that the folder may be written")
        }
    }

    /// Writes bytes.
    static func write(_ path: String, _ bytes: [UInt8]) throws(FathomError) {
        let status: Result<Void, FathomError> = bytes.withUnsafeBytes { piece in
            Result { () throws(FathomError) in try write(path, [piece]) }
        }
        try status.get()
    }

    /// Writes text in UTF-8.
    static func write(_ path: String, _ text: String) throws(FathomError) {
        try write(path, Array(text.utf8))
    }
}
