/// The cyclic redundancy check with Castagnoli's polynomial (RFC 3720, appendix B.4), as TFRecord files use it.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { sum, _ in
            sum & 1 == 1 ? sum >> 1 ^ 0x82f6_3b78 : sum >> 1
        }
    }

    /// The checksum of bytes.
    static func sum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { sum, byte in
            table[Int((sum ^ UInt32(byte)) & 255)] ^ sum >> 8
        }
    }

    /// The checksum as TFRecord writes it: turned by 15 bits and moved by a constant, so that checksums of data that
    /// holds checksums stay good.
    static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
        let sum = sum(bytes)
        return (sum >> 15 | sum << 17) &+ 0xa282_ead8
    }
}
