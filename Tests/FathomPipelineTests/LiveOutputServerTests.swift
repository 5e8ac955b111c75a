import Fathom
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@Suite struct LiveOutputServerTests {
    @Test(
        "a playlist lists segments that decode from their first byte; nothing is encoded before it is asked for"
    )
    func playlist() throws {
        let folder = try TemporaryFolder()
        let source = try LiveOutputSource()
        let window = HLSWindow(feed: source.feed, configuration: LiveConfiguration())
        try source.play(frames: 5)
        #expect(source.feed.frames.subscriberCount == 0)
        let isOver = Mutex(false)
        let player = JoinedThread(name: "player") { [source = Held(source)] in
            while !isOver.withLock({ $0 }) { try? source.value.play(frames: 1, pause: 0.004) }
        }
        defer {
            isOver.withLock { $0 = true }
            player.join()
            source.feed.finish()
            window.finish()
        }
        let text = try #require(window.playlist(waiting: 20))
        #expect(text.hasPrefix("#EXTM3U\n#EXT-X-VERSION:3\n"))
        #expect(becomes { (window.playlist(waiting: 1) ?? "").contains("3.ts") })
        let lines = (window.playlist(waiting: 1) ?? "").split(separator: "\n").map(String.init)
        let target = try #require(
            lines.first { $0.hasPrefix("#EXT-X-TARGETDURATION:") }.flatMap {
                Int($0.dropFirst(22))
            })
        let lengths = lines.filter { $0.hasPrefix("#EXTINF:") }.compactMap {
            Double($0.dropFirst(8).dropLast())
        }
        let names = lines.filter { $0.hasSuffix(".ts") }
        #expect(names.count == lengths.count && names.count >= 3)
        #expect(lengths.allSatisfy { $0 > 0.5 && $0.rounded() <= Double(target) })
        var shown: [Double] = []
        for name in names {
            let number = try #require(Int(name.dropLast(3)))
            let bytes = try #require(window.segment(number))
            #expect(bytes.count % 188 == 0)
            let path = try folder.write(name, Data(bytes))
            let pictures = try DecodedPicture.read(path)
            #expect(pictures.count >= 10)
            #expect(pictures.allSatisfy { $0.width == 192 && $0.height == 64 })
            shown += pictures.map(\.timestamp.seconds)
        }
        #expect(shown == shown.sorted())
        #expect(window.segment(100_000) == nil)
    }

    @Test("without a frame there is no playlist, and asking ends in time")
    func nothingToShow() throws {
        let source = try LiveOutputSource()
        let window = HLSWindow(feed: source.feed, configuration: LiveConfiguration())
        #expect(window.playlist(waiting: 0.2) == nil)
        source.feed.finish()
        window.finish()
    }

    @Test(
        "a server that accepts and says nothing stalls nobody, and the end comes within seconds",
        arguments: ["rtsp", "rtmp"])
    func muteServer(scheme: String) throws {
        let server = try Listener()
        let source = try LiveOutputSource()
        let outputs = try source.outputs {
            $0.push = ["\(scheme)://user:secret@127.0.0.1:\(server.port)/live/depth"]
            $0.openTimeout = 60
        }
        outputs.start()
        try source.play(frames: 200, pause: 0.01)
        #expect(becomes { server.hasBeenCalled })
        let begun = SystemClock.monotonicNanoseconds
        source.feed.finish()
        let written = outputs.finish(within: 0.5)
        #expect(SystemClock.monotonicNanoseconds - begun < 3_000_000_000)
        #expect(written.isEmpty)
        let status = try #require(source.status("push"))
        #expect(status.name == "push \(scheme)://127.0.0.1:\(server.port)/live/depth")
        #expect(status.written == 0)
    }

    @Test("a server that isn't there is told once, without the password, and asked again")
    func absentServer() throws {
        let folder = try TemporaryFolder()
        let events = folder.path("events.jsonl")
        let port = try Listener().port
        let source = try LiveOutputSource(events: events)
        let outputs = try source.outputs {
            $0.push = ["rtsp://user:secret@127.0.0.1:\(port)/depth"]
        }
        outputs.start()
        try source.play(frames: 300, pause: 0.01)
        source.feed.finish()
        _ = outputs.finish(within: 0.5)
        let told = try String(contentsOfFile: events, encoding: .utf8)
        #expect(told.split(separator: "\n").count { $0.contains("\"failed\"") } == 1)
        #expect(told.contains("nothing listens"))
        #expect(!told.contains("secret") && !told.contains("user"))
        #expect(source.status("push")?.trouble?.contains("secret") == false)
    }

    @Test("several sources have an address each, in order or by their number")
    func placesOfPushes() throws {
        let source = try LiveOutputSource(index: 1)
        func outputs(_ addresses: [String]) throws -> [String] {
            let own = try LiveOutputSource(index: 1)
            let outputs = try own.outputs(sourceCount: 2) { $0.push = addresses }
            own.feed.finish()
            _ = outputs.finish(within: 0.1)
            return own.feed.status.outputs.map(\.name)
        }
        #expect(
            try outputs(["rtsp://h/a", "rtsp://h/b"]) == ["push rtsp://h/b"])
        #expect(
            try outputs(["rtsp://h/{source}", "srt://h:1?streamid={source}"]).first
                == "push rtsp://h/1")
        for wrong in [["rtsp://h/a"], ["rtsp://h/a", "rtsp://h/{source}"]] {
            let error = #expect(throws: FathomError.self) { _ = try outputs(wrong) }
            #expect(error?.code == .usage)
            #expect(error?.remedy.contains("{source}") == true)
        }
        let error = #expect(throws: FathomError.self) {
            _ = try source.outputs { $0.push = ["http://me:secret@h/a"] }
        }
        #expect(error?.code == .usage)
        #expect(error.map { "\($0)".contains("secret") } == false)
    }
}

/// Hands a thing of one thread to another one.
final class Held<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// A TCP server that accepts, and reads when it is told to.
final class Listener: Sendable {
    let port: Int
    private let handle: Int32
    private let connection = Mutex<Int32>(-1)

    init() throws {
        let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.handle = handle
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(handle, address, size) == 0 && listen(handle, 8) == 0
                    ? getsockname(handle, address, &size) : -1
            }
        }
        guard status == 0 else { throw FathomError(operation: "listen", subject: "", cause: "") }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit {
        connection.withLock { if $0 >= 0 { close($0) } }
        close(handle)
    }

    /// Whether somebody waits to be accepted.
    var hasBeenCalled: Bool {
        var state = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        return poll(&state, 1, 0) > 0
    }

    /// Accepts the next caller.
    func accept() {
        let made = Glibc.accept(handle, nil, nil)
        connection.withLock { $0 = made }
    }

    /// Reads until the caller has gone, or `most` bytes.
    func read(most: Int = .max) -> [UInt8] {
        let connection = connection.withLock { $0 }
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while all.count < most {
            let count = recv(connection, &chunk, min(chunk.count, most - all.count), 0)
            if count <= 0 { break }
            all += chunk[..<count]
        }
        return all
    }

    /// Hangs up.
    func hangUp() {
        connection.withLock {
            close($0)
            $0 = -1
        }
    }
}
