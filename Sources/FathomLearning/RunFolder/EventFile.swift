import FathomCore
import Glibc

/// A TensorBoard event file: records in TFRecord's framing, each an `Event` message of protocol buffers
/// (tensorboard/compat/proto: event.proto, summary.proto), of which scalars and pictures are written.
public final class EventFile {
    /// The file's path.
    public let path: String
    private let descriptor: Int32

    /// A picture as TensorBoard takes it.
    public struct Picture: Sendable {
        /// What it is called; `/` makes groups.
        public var tag: String
        /// Pixels across.
        public var width: Int
        /// Pixels down.
        public var height: Int
        /// A PNG file's bytes.
        public var png: [UInt8]

        /// Names a picture.
        public init(tag: String, width: Int, height: Int, png: [UInt8]) {
            self.tag = tag
            self.width = width
            self.height = height
            self.png = png
        }
    }

    /// Opens a new file in a folder, named `events.out.tfevents.SECONDS.HOST` as TensorBoard looks for it.
    ///
    /// - Parameter resumedAt: the step from which a resumed run goes on: what an earlier file has beyond it doesn't count.
    public init(folder: String, resumedAt: Int? = nil) throws(FathomError) {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let name = host.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        let seconds = SystemClock.wallNanoseconds / 1_000_000_000
        var path = "\(folder)/events.out.tfevents.\(seconds).\(name.isEmpty ? "host" : name)"
        // Two runs within a second must not write into one file.
        var number = 1
        while access(path, F_OK) == 0 {
            number += 1
            path = "\(folder)/events.out.tfevents.\(seconds).\(name).\(number)"
        }
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw FathomError(
                operation: "write", subject: path, cause: String(cString: strerror(errno)))
        }
        let now = Self.now
        try append(Self.version(time: now))
        if let resumedAt { try append(Self.start(step: resumedAt, time: now)) }
    }

    deinit { close(descriptor) }

    private static var now: Double { Double(SystemClock.wallNanoseconds) / 1e9 }

    /// Adds numbers of a step.
    public func scalars(_ values: [(tag: String, value: Double)], step: Int) throws(FathomError) {
        try append(Self.scalars(values, step: step, time: Self.now))
    }

    /// Adds a picture of a step.
    public func picture(_ picture: Picture, step: Int) throws(FathomError) {
        try append(Self.picture(picture, step: step, time: Self.now))
    }

    private func append(_ event: [UInt8]) throws(FathomError) {
        let record = Self.record(event)
        var done = 0
        while done < record.count {
            let count = record.withUnsafeBytes {
                write(descriptor, $0.baseAddress?.advanced(by: done), record.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw FathomError(
                    operation: "write", subject: path, cause: String(cString: strerror(errno)),
                    remedy: "Make room, and go on with --resume")
            }
            done += count
        }
    }
}

extension EventFile {
    /// A record: length, its checksum, the bytes, their checksum.
    package static func record(_ event: [UInt8]) -> [UInt8] {
        let length = bytes(UInt64(event.count))
        return length + bytes(CRC32C.masked(length)) + event + bytes(CRC32C.masked(event))
    }

    /// The event at the beginning of every file.
    package static func version(time: Double) -> [UInt8] {
        double(1, time) + text(3, "brain.Event:2")
    }

    /// The event at which a resumed run goes on.
    package static func start(step: Int, time: Double) -> [UInt8] {
        double(1, time) + whole(2, step) + field(7, whole(1, 1))
    }

    /// An event with numbers.
    package static func scalars(
        _ values: [(tag: String, value: Double)], step: Int, time: Double
    ) -> [UInt8] {
        let summary = values.flatMap { entry in
            field(1, text(1, entry.tag) + [0x15] + bytes(Float(entry.value).bitPattern))
        }
        return double(1, time) + whole(2, step) + field(5, summary)
    }

    /// An event with a picture.
    package static func picture(_ picture: Picture, step: Int, time: Double) -> [UInt8] {
        let image =
            whole(1, picture.height) + whole(2, picture.width) + whole(3, 3)
            + field(4, picture.png)
        let summary = field(1, text(1, picture.tag) + field(4, image))
        return double(1, time) + whole(2, step) + field(5, summary)
    }

    // The wire format of protocol buffers: a key (field and kind), then the value.

    private static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private static func variable(_ value: UInt64) -> [UInt8] {
        var (left, result) = (value, [UInt8]())
        while left >= 128 {
            result.append(UInt8(left & 127 | 128))
            left >>= 7
        }
        return result + [UInt8(left)]
    }

    private static func whole(_ field: UInt64, _ value: Int) -> [UInt8] {
        variable(field << 3) + variable(UInt64(bitPattern: Int64(value)))
    }

    private static func double(_ field: UInt64, _ value: Double) -> [UInt8] {
        variable(field << 3 | 1) + bytes(value.bitPattern)
    }

    private static func field(_ field: UInt64, _ content: [UInt8]) -> [UInt8] {
        variable(field << 3 | 2) + variable(UInt64(content.count)) + content
    }

    private static func text(_ number: UInt64, _ value: String) -> [UInt8] {
        field(number, Array(value.utf8))
    }
}
