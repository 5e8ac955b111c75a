import FathomCore
import Glibc

/// Writes bytes to a file or to the standard output, all of them or an error.
///
/// A pipe whose reader went away is an error here only if the program ignores SIGPIPE.
public final class FileSink {
    private var descriptor: Int32
    private let owned: Bool
    private let name: String

    /// Creates or empties the file `path`; `-` is the standard output.
    public init(path: String) throws(FathomError) {
        owned = path != "-"
        name = owned ? path : "the standard output"
        descriptor = owned ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) : 1
        guard descriptor >= 0 else {
            throw Self.error("open", name, errno)
        }
    }

    deinit {
        if owned, descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// Closes a file, which is when some disks report that they are full.
    public func close() throws(FathomError) {
        guard owned, descriptor >= 0 else { return }
        let result = Glibc.close(descriptor)
        descriptor = -1
        guard result == 0 else { throw Self.error("write", name, errno) }
    }

    /// Writes all bytes.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FathomError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(descriptor, piece.baseAddress, piece.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.error("write", name, errno)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// A system call's failure as one line.
    static func error(_ operation: String, _ name: String, _ code: Int32) -> FathomError {
        let remedy =
            switch code {
            case ENOSPC, EDQUOT: "Free some space, or write to another disk"
            case EACCES, EPERM, EROFS: "Choose a place that you may write to"
            case ENOENT, ENOTDIR: "Make the folder first"
            case EPIPE: "The program that read it has ended"
            default: ""
            }
        let isFull = code == ENOSPC || code == EDQUOT
        return FathomError(
            operation: operation, subject: name,
            cause: isFull ? "the disk is full" : String(cString: strerror(code)), remedy: remedy)
    }
}
