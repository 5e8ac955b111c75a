import Glibc

/// A file's bytes as they lie in the system's cache, without a copy; they are there as long as this object.
package final class MappedFile: @unchecked Sendable {
    // Sendable: the bytes are only read.

    /// The bytes.
    package let bytes: UnsafeRawBufferPointer

    /// Maps a whole file of at most `limit` bytes.
    package init(_ path: String, limit: Int) throws(FathomError) {
        bytes = try FileBytes.withFile(path) { (descriptor, size) throws(FathomError) in
            guard size <= limit else {
                throw FileBytes.failure(
                    "read", path, "it has \(size) bytes, more than the limit of \(limit)")
            }
            guard size > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
            // Everything in the file is looked at, in order.
            let address = mmap(nil, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0)
            guard let address, address != MAP_FAILED else {
                throw FileBytes.failure("read", path, FileBytes.systemWords)
            }
            return UnsafeRawBufferPointer(start: address, count: size)
        }
    }

    deinit {
        if let start = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
        }
    }
}
