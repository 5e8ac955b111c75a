import Fathom
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct LiveOutputDataTests {
    /// Depth frames of a dump, and how it ended.
    private func read(
        _ bytes: [UInt8]
    ) throws -> (frames: [DumpedFrame], damage: FrameDumpDamage?, heads: Int) {
        var reader = FrameDumpReader(name: "test")
        bytes.withUnsafeBytes { reader.append($0) }
        reader.finish()
        var frames: [DumpedFrame] = []
        var damage: FrameDumpDamage?
        var heads = 0
        while let event = try reader.next() {
            switch event {
            case .frame(let frame): frames.append(frame)
            case .damage(let found): damage = found
            case .description: heads += 1
            case .color, .gap: break
            }
        }
        return (frames, damage, heads)
    }

    @Test("a reader on TCP gets a whole dump with the source's times; each new one gets a head")
    func dumpToReader() throws {
        let server = try Listener()
        let source = try LiveOutputSource()
        let outputs = try source.outputs { $0.run.dump = "tcp://127.0.0.1:\(server.port)" }
        outputs.start()
        let isOver = Mutex(false)
        let player = JoinedThread(name: "player") { [source = Held(source)] in
            while !isOver.withLock({ $0 }) { try? source.value.play(frames: 1, pause: 0.01) }
        }
        server.accept()
        let first = server.read(most: 200_000)
        server.hangUp()
        server.accept()
        let rest = Mutex<[UInt8]>([])
        let reader = JoinedThread(name: "reader") { [server] in
            let bytes = server.read()
            rest.withLock { $0 = bytes }
        }
        #expect(becomes { (source.status("dump")?.reconnects ?? 0) == 1 })
        #expect(becomes { (source.status("dump")?.written ?? 0) > 20 })
        isOver.withLock { $0 = true }
        player.join()
        source.feed.finish()
        _ = outputs.finish(within: 5)
        reader.join()
        let cut = try read(first)
        #expect(cut.heads == 1 && !cut.frames.isEmpty && cut.damage != nil)
        let whole = try read(rest.withLock { $0 })
        #expect(whole.damage == nil && whole.heads == 1)
        #expect(whole.frames.count > 1)
        for frame in whole.frames {
            let number = try #require(source.times.firstIndex(of: frame.timestamp.value))
            #expect(frame.missingSamples == 0)
            #expect(abs(frame.values[0] - Float(number % 10)) < 0.01)
        }
    }

    @Test("a reader that is slow loses frames, and stalls nobody")
    func slowReader() throws {
        let server = try Listener()
        let source = try LiveOutputSource(width: 640, height: 480)
        let outputs = try source.outputs { $0.run.dump = "tcp://127.0.0.1:\(server.port)" }
        outputs.start()
        server.accept()
        // Far more than sockets hold.
        try source.play(frames: 60, pause: 0.01)
        #expect(becomes { (source.status("dump")?.dropped ?? 0) > 0 || source.times.count > 500 })
        let got = Mutex<[UInt8]>([])
        let reader = JoinedThread(name: "reader") { [server] in
            let bytes = server.read()
            got.withLock { $0 = bytes }
        }
        try source.play(frames: 20, pause: 0.02)
        source.feed.finish()
        _ = outputs.finish(within: 5)
        reader.join()
        let dump = try read(got.withLock { $0 })
        #expect(dump.damage == nil)
        #expect(dump.frames.count > 2 && dump.frames.count < 80)
        #expect(dump.frames.allSatisfy { $0.missingSamples == 0 })
    }

    @Test("a reader that never reads does not hold up the end")
    func deadReader() throws {
        let server = try Listener()
        let source = try LiveOutputSource(width: 640, height: 480)
        let outputs = try source.outputs { $0.run.dump = "tcp://127.0.0.1:\(server.port)" }
        outputs.start()
        server.accept()
        try source.play(frames: 60, pause: 0.01)
        let begun = SystemClock.monotonicNanoseconds
        source.feed.finish()
        _ = outputs.finish(within: 0.5)
        #expect(SystemClock.monotonicNanoseconds - begun < 3_000_000_000)
    }

    @Test("depth files say when each frame was recorded, who says so, and where frames are missing")
    func frames() throws {
        let folder = try TemporaryFolder()
        let source = try LiveOutputSource()
        let outputs = try source.outputs {
            $0.run.frames = .npy
            $0.run.framesDir = folder.path("frames")
            $0.policy = .block
        }
        outputs.start()
        try source.play(frames: 4)
        source.reconnect(after: 10)
        try source.play(frames: 3, lostFor: 2)
        try source.play(frames: 3)
        source.feed.finish()
        let written = outputs.finish(within: 5)
        #expect(written.map(\.kind) == ["frames"])
        let manifest = try Manifest(path: folder.path("frames/manifest.jsonl"))
        #expect(manifest.frames.map(\.timestamp.value) == source.times)
        #expect(
            manifest.frames.map(\.followsGap) == [false, false, false, false, true, false, false])
        for frame in manifest.frames {
            #expect(frame.wallTimeSource == .rtcp)
            let wanted = 1_795_000_000 + frame.timestamp.seconds
            #expect(abs((frame.wallTime ?? 0) - wanted) < 0.002)
        }
        #expect(folder.names.contains("frames"))
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path("frames"))
        #expect(files.count { $0.hasSuffix(".npy") } == 7)
    }

    @Test("a dump goes on when the picture's size changes, at the size of its head")
    func changingSize() throws {
        let folder = try TemporaryFolder()
        let small = try LiveOutputSource()
        let large = try LiveOutputSource(width: 128, height: 96)
        let outputs = try small.outputs {
            $0.run.dump = folder.path("depth.dump")
            $0.policy = .block
        }
        outputs.start()
        try small.play(frames: 3)
        let frames = large.feed.frames.subscribe(capacity: 4)
        large.time = small.time
        try large.play(frames: 3)
        for _ in 0..<3 { if let frame = frames.next() { small.feed.publish(frame) } }
        small.feed.finish()
        large.feed.finish()
        _ = outputs.finish(within: 5)
        let dump = try read(
            [UInt8](Data(contentsOf: URL(fileURLWithPath: folder.path("depth.dump")))))
        #expect(dump.damage == nil)
        #expect(dump.frames.count == 6)
        #expect(dump.frames.allSatisfy { $0.width == 96 && $0.height == 64 })
    }

    @Test("places of several sources differ; what can't be is a usage error that says what to do")
    func places() throws {
        let folder = try TemporaryFolder()
        func names(_ change: (inout LiveConfiguration) -> Void) throws -> [String] {
            let source = try LiveOutputSource(index: 1)
            let outputs = try source.outputs(sourceCount: 2, change)
            source.feed.finish()
            _ = outputs.finish(within: 1)
            return source.feed.status.outputs.map(\.name)
        }
        #expect(
            try names { $0.run.dump = folder.path("depth.dump") }
                == ["dump \(folder.path("depth-1.dump"))"])
        #expect(
            try names {
                $0.run.frames = .pfm
                $0.run.framesDir = folder.path("frames")
            } == ["frames \(folder.path("frames"))/source-1"])
        let wrong: [(inout LiveConfiguration) -> Void] = [
            { $0.run.dump = "-" }, { $0.run.frames = .npy }, { $0.run.dump = "udp://host:1" },
            { $0.run.dump = "tcp://host" },
        ]
        for change in wrong {
            let error = #expect(throws: FathomError.self) { _ = try names(change) }
            #expect(error?.code == .usage)
            #expect(error?.remedy.isEmpty == false)
        }
    }
}
