import FathomCore
import Glibc

extension FrameDumpReader {
    /// Reads a whole dump from a file (`-` is the standard input) and gives each event to `body`.
    ///
    /// Returns where reading stopped early, or nil for a dump that is whole. Throws when the file can't be
    /// read or isn't a frame dump, and what `body` throws.
    @discardableResult
    public static func read(
        path: String, _ body: (FrameDumpEvent) throws(FathomError) -> Void
    ) throws(FathomError) -> FrameDumpDamage? {
        let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            var error = FileSink.error("open", path, errno)
            error.remedy = "Check the path"
            throw error
        }
        defer { if descriptor != 0 { close(descriptor) } }

        var reader = FrameDumpReader(name: path)
        var damage: FrameDumpDamage?
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        var count = 0
        repeat {
            count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileSink.error("read", path, errno) }
            chunk.withUnsafeBytes { reader.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            if count == 0 { reader.finish() }
            while let event = try reader.next() {
                if case .damage(let found) = event { damage = found }
                try body(event)
            }
        } while count != 0
        return damage
    }
}
