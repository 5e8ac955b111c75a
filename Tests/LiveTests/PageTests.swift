import Foundation
import TestSupport
import Testing

extension Live {
    @Suite("The preview page") struct Page {
        @Test("a person looks at it in a browser, clicks, and reads the depth")
        func browser() throws {
            let camera = try LivePart("rtsp_camera.py", ["--fps", "15"])
            let http = try LivePart("http_camera.py", ["--fps", "15"])
            let port = freePort()
            let program = try LiveProgram(
                [camera.url, http.url + "/camera.mjpeg"], ["--serve", "127.0.0.1:\(port)"])
            try program.wait(for: "connected", count: 2)
            let script = Program.packageRoot.appendingPathComponent("Tests/LiveParts/page_check.py")
            let check = try Program.run(
                "/usr/bin/python3", [script.path, "http://127.0.0.1:\(port)/"])
            #expect(check.status == 0, "\(check.text)\(check.errors)")
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.seconds < 2)
        }

        @Test("others can play its MJPEG and HLS, and its health says when the source is lost")
        func streams() throws {
            let camera = try LivePart("rtsp_camera.py", ["--fps", "15"])
            let port = freePort()
            let program = try LiveProgram(
                camera.url, ["--serve", "127.0.0.1:\(port)", "--read-timeout", "1"] + readable)
            try program.wait(for: "connected")
            let folder = try TemporaryFolder()
            for path in ["stream.mjpg", "hls/live.m3u8"] {
                let file = folder.path("read.mkv")
                let reader = try Program.run(
                    "/usr/bin/ffmpeg",
                    ["-v", "error", "-nostdin", "-y", "-i", "http://127.0.0.1:\(port)/\(path)"]
                        + ["-frames:v", "20", "-c", "copy", file])
                #expect(reader.status == 0, "\(path): \(reader.errors)")
                #expect(try CodedPictures(file).pictures.count >= 15, "\(path)")
            }
            #expect(Self.status(of: "http://127.0.0.1:\(port)/healthz") == 200)
            camera.send(SIGKILL)
            try program.wait(for: "lost")
            #expect(
                Deadline(15).wait { Self.status(of: "http://127.0.0.1:\(port)/healthz") == 503 })
            let end = try program.interrupt()
            #expect(end.status == 130)
        }

        @Test("readers who never read do not slow the source down")
        func slowReaders() throws {
            let camera = try LivePart("rtsp_camera.py", ["--fps", "15"])
            let port = freePort()
            let program = try LiveProgram(
                camera.url, ["--serve", "127.0.0.1:\(port)", "--record", "recorded"])
            try program.wait(for: "age") { (Int($0["frames"]) ?? 0) > 5 }
            let readers = try (0..<20).map { _ in
                try DeafReader(port: port, asking: "/stream.mjpg")
            }
            let now = program.count("age")
            let age = try program.wait(for: "age", count: now + 2)
            #expect((Int(age["frames"]) ?? 0) > 30)
            let end = try program.interrupt()
            withExtendedLifetime(readers) {}
            #expect(end.status == 130)
            #expect(end.seconds < 2, "\(end.seconds)")
            let original = try #require(
                try RecordedSegments(program.path("recorded")).originalPictures().first)
            #expect(original.numbers.isWhole, "\(original.numbers)")
        }

        private static func status(of url: String) -> Int? {
            let reply = try? Program.run(
                "/usr/bin/python3",
                [
                    "-c",
                    """
                    import sys, urllib.request, urllib.error
                    try: print(urllib.request.urlopen(sys.argv[1], timeout=5).status)
                    except urllib.error.HTTPError as error: print(error.code)
                    """, url,
                ])
            return reply.flatMap {
                Int($0.text.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
    }
}

/// A client that asks for something and never reads the answer.
private final class DeafReader: Sendable {
    private let connection: Int32

    init(port: Int, asking path: String) throws {
        connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var small: Int32 = 4096
        setsockopt(connection, SOL_SOCKET, SO_RCVBUF, &small, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw LivePart.Failure(description: "nobody serves") }
        let request = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        _ = request.utf8CString.withUnsafeBytes {
            send(connection, $0.baseAddress, $0.count - 1, 0)
        }
    }

    deinit { close(connection) }
}
