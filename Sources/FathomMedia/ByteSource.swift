import CFFmpeg
import FathomCore
import Glibc

/// A stream of bytes that Fathom reads for FFmpeg, so that an interruption is noticed while nothing arrives.
final class ByteSource {
    private let descriptor: Int32
    private let isOwned: Bool
    private let interruption: Interruption

    private init(_ descriptor: Int32, isOwned: Bool, interruption: Interruption) {
        self.descriptor = descriptor
        self.isOwned = isOwned
        self.interruption = interruption
    }

    /// Standard input.
    static func standardInput(_ interruption: Interruption) -> ByteSource {
        ByteSource(0, isOwned: false, interruption: interruption)
    }

    /// A named pipe; doesn't wait for a writer. Returns `nil` with `errno` set when it can't be opened.
    static func pipe(_ path: String, _ interruption: Interruption) -> ByteSource? {
        let descriptor = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        return ByteSource(descriptor, isOwned: true, interruption: interruption)
    }

    deinit { if isOwned { close(descriptor) } }

    /// FFmpeg's view of it; the caller keeps this source alive longer, and frees the context.
    func open() throws(FathomError) -> UnsafeMutablePointer<AVIOContext> {
        let size = 65536
        guard let buffer = av_malloc(size) else { throw .outOfMemory("open") }
        let context = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Int32(size), 0,
            Unmanaged.passUnretained(self).toOpaque(),
            { opaque, target, count in
                guard let opaque, let target else { return fathom_error_io }
                return Unmanaged<ByteSource>.fromOpaque(opaque).takeUnretainedValue()
                    .read(target, count)
            }, nil,
            isFile
                ? { opaque, offset, whence in
                    guard let opaque else { return -1 }
                    return Unmanaged<ByteSource>.fromOpaque(opaque).takeUnretainedValue()
                        .seek(offset, whence)
                } : nil)
        guard let context else {
            av_free(buffer)
            throw .outOfMemory("open")
        }
        return context
    }

    /// Frees what `open()` gave.
    static func free(_ context: inout UnsafeMutablePointer<AVIOContext>?) {
        guard let found = context else { return }
        av_freep(&found.pointee.buffer)
        avio_context_free(&context)
    }

    /// Whether it is a file that a shell opened, where one can go back and forth.
    private var isFile: Bool { Self.isFile(descriptor) }

    /// Whether standard input is a file that a shell opened.
    static var isStandardInputAFile: Bool { isFile(0) }

    private static func isFile(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
        var status = stat()
        if whence == AVSEEK_SIZE {
            return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : -1
        }
        return Int64(lseek(descriptor, off_t(offset), whence & ~AVSEEK_FORCE))
    }

    /// Waits in short steps for the first bytes.
    private func read(_ target: UnsafeMutablePointer<UInt8>, _ count: Int32) -> Int32 {
        while !interruption.isCancelled() {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&waiting, 1, 100)
            if ready == 0 || (ready < 0 && errno == EINTR) { continue }
            let got = Glibc.read(descriptor, target, Int(count))
            if got < 0 && (errno == EINTR || errno == EAGAIN) { continue }
            if got < 0 { return fathom_error_of_errno(errno) }
            return got == 0 ? fathom_error_end_of_file : Int32(got)
        }
        return fathom_error_exit
    }
}
