import CFFmpeg
import FathomCore
import Glibc

/// Packets put aside in a file without a name, in their order, until a file's final form is written.
///
/// Fragments of MP4 can't say how long a text or a sensor's sample lasts; the plain file can, and gets them
/// from here. Memory does not grow with their number, and nothing is left when the program is killed.
final class PacketSpool {
    private let file: UnsafeMutablePointer<FILE>
    private let path: String

    /// What stands before each packet's bytes.
    private struct Header {
        var stream: Int32 = 0
        var flags: Int32 = 0
        var pts: Int64 = 0
        var dts: Int64 = 0
        var duration: Int64 = 0
        var size: Int32 = 0
        var numerator: Int32 = 1
        var denominator: Int32 = 1
    }

    /// Beside the output, where there is room for it.
    init(beside path: String) throws(FathomError) {
        self.path = path
        let name = path + ".tracks"
        guard let file = fopen(name, "w+e") else { throw OutputFile.error(name, errno) }
        unlink(name)
        self.file = file
    }

    deinit { fclose(file) }

    /// Adds a packet for an output stream.
    func append(
        _ packet: UnsafeMutablePointer<AVPacket>, stream: Int, timeBase: AVRational
    ) throws(FathomError) {
        var header = Header(
            stream: Int32(stream), flags: packet.pointee.flags, pts: packet.pointee.pts,
            dts: packet.pointee.dts, duration: packet.pointee.duration, size: packet.pointee.size,
            numerator: timeBase.num, denominator: timeBase.den)
        let size = Int(packet.pointee.size)
        guard fwrite(&header, MemoryLayout<Header>.size, 1, file) == 1,
            size == 0 || fwrite(packet.pointee.data, 1, size, file) == size
        else { throw OutputFile.error(path, errno) }
    }

    /// Goes back to the first packet.
    func rewind() throws(FathomError) {
        guard fflush(file) == 0 else { throw OutputFile.error(path, errno) }
        Glibc.rewind(file)
    }

    /// The next packet, with its output stream as index; nil after the last one.
    func next() throws(FathomError) -> Packet? {
        var header = Header()
        guard fread(&header, MemoryLayout<Header>.size, 1, file) == 1 else { return nil }
        let packet = try Packet(
            timeBase: AVRational(num: header.numerator, den: header.denominator))
        guard av_new_packet(packet.pointer, header.size) >= 0 else { throw .outOfMemory("write") }
        let size = Int(header.size)
        guard size == 0 || fread(packet.pointer.pointee.data, 1, size, file) == size else {
            return nil
        }
        packet.pointer.pointee.stream_index = header.stream
        packet.pointer.pointee.flags = header.flags
        packet.pointer.pointee.pts = header.pts
        packet.pointer.pointee.dts = header.dts
        packet.pointer.pointee.duration = header.duration
        return packet
    }
}
