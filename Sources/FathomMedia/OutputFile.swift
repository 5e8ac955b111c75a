import CFFmpeg
import FathomCore
import Glibc

/// A file or standard output that FFmpeg writes to; remembers why a write failed.
final class OutputFile {
    let path: String
    let context: UnsafeMutablePointer<AVIOContext>
    private let state: State

    /// What the callbacks see.
    private final class State {
        let descriptor: Int32
        var failure: Int32 = 0
        var bytesWritten: Int64 = 0

        init(descriptor: Int32) { self.descriptor = descriptor }

        func write(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
            if failure != 0 { return fathom_error_of_errno(failure) }
            var done = 0
            while done < count {
                let wrote = Glibc.write(descriptor, bytes + done, count - done)
                if wrote < 0 && errno == EINTR { continue }
                if wrote < 0 {
                    failure = errno
                    return fathom_error_of_errno(failure)
                }
                done += wrote
            }
            bytesWritten += Int64(count)
            return Int32(count)
        }

        func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
            if whence == AVSEEK_SIZE {
                var status = stat()
                return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : -1
            }
            let place = lseek(descriptor, off_t(offset), whence & ~AVSEEK_FORCE)
            return place < 0 ? Int64(fathom_error_of_errno(errno)) : Int64(place)
        }
    }

    /// Creates (or empties) a file; "-" is standard output.
    init(path: String) throws(FathomError) {
        self.path = path
        let isStandardOutput = path == "-"
        let descriptor =
            isStandardOutput ? dup(1) : open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.error(path, errno) }
        let size = 1 << 18
        let state = State(descriptor: descriptor)
        guard let buffer = av_malloc(size) else {
            close(descriptor)
            throw .outOfMemory("write")
        }
        let context = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Int32(size), 1,
            Unmanaged.passUnretained(state).toOpaque(), nil,
            { opaque, bytes, count in
                guard let opaque, let bytes else { return fathom_error_io }
                return Unmanaged<State>.fromOpaque(opaque).takeUnretainedValue()
                    .write(bytes, Int(count))
            },
            isStandardOutput
                ? nil
                : { opaque, offset, whence in
                    guard let opaque else { return Int64(fathom_error_io) }
                    return Unmanaged<State>.fromOpaque(opaque).takeUnretainedValue()
                        .seek(offset, whence)
                })
        guard let context else {
            av_free(buffer)
            close(descriptor)
            throw .outOfMemory("write")
        }
        self.state = state
        self.context = context
    }

    deinit {
        avio_flush(context)
        av_freep(&context.pointee.buffer)
        var context: UnsafeMutablePointer<AVIOContext>? = context
        avio_context_free(&context)
        close(state.descriptor)
    }

    /// The `errno` of the write that failed; 0 when none did.
    var failure: Int32 { state.failure }

    /// How many bytes have been handed to the system.
    var bytesWritten: Int64 { state.bytesWritten }

    /// A sentence for a failed system call on an output.
    static func error(_ path: String, _ code: Int32) -> FathomError {
        let subject = path == "-" ? "standard output" : path
        let (cause, remedy) =
            switch code {
            case ENOSPC, EDQUOT:
                ("the disk is full", "Make room and run again; what was written so far is playable")
            case ENOENT: ("its folder does not exist", "Make the folder first")
            case EACCES, EPERM, EROFS:
                ("writing there is not permitted", "Choose another place with -o")
            case EISDIR: ("it is a folder", "Name a file in it")
            case EPIPE: ("the program that reads it has ended", "Check the reading program")
            default: (String(cString: strerror(code)), "Choose another place with -o")
            }
        return FathomError(operation: "write", subject: subject, cause: cause, remedy: remedy)
    }
}
