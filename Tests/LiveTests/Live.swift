import Foundation
import Synchronization
import Testing

/// Everything that plays against real cameras and servers. One after the other: each takes the whole machine.
@Suite(.serialized) enum Live {}

/// Options of a depth video in which the source's picture stays whole, with its bar codes, in the left half.
let readable = ["--layout", "side-by-side", "--no-legend", "--no-hud"]

/// A port of 127.0.0.1 that nobody has at this moment.
func freePort(_ kind: __socket_type = SOCK_STREAM) -> Int {
    let probe = socket(AF_INET, Int32(kind.rawValue), 0)
    defer { close(probe) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            _ = bind(probe, pointer, length)
            _ = getsockname(probe, pointer, &length)
        }
    }
    return Int(UInt16(bigEndian: address.sin_port))
}

/// Waits until a file has some bytes: something is being recorded.
func waitForBytes(_ count: Int, in path: () -> String?) -> Bool {
    Deadline(30).wait {
        guard let path = path(),
            let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        else { return false }
        return size >= count
    }
}

/// Something that happens once.
final class Flag: Sendable {
    private let state = Mutex(false)

    var isSet: Bool { state.withLock { $0 } }

    func set() { state.withLock { $0 = true } }
}
