import FathomCore
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite("Addresses of live sources")
struct LiveAddressTests {
    @Test(
        "the kind goes by what is written",
        arguments: [
            ("v4l2:/dev/video0", "camera"), ("rtsp://camera/stream", "rtsp"),
            ("RTSPS://camera:322/stream", "rtsp"), ("rtmp://host/live/name", "rtmp"),
            ("srt://host:9000?mode=caller", "srt"), ("https://host/a.m3u8", "http"),
            ("udp://@:1234", "udp"), ("rtp://239.0.0.1:5004", "udp"), ("x11::0.0+10,20", "screen"),
            ("-", "standardInput"),
        ])
    func kinds(text: String, kind: String) throws {
        #expect(try LiveAddress.parse(text, isRealtime: false).kind.rawValue == kind)
    }

    @Test(
        "names hold no password",
        arguments: [
            ("rtsp://admin:hunter2@camera:554/s?channel=1", "rtsp://camera:554/s?channel=1"),
            ("rtsp://ad%40min:hu%2Fnter2@camera/s", "rtsp://camera/s"),
            ("rtsp://admin:hunter2@home@camera/s", "rtsp://camera/s"),
            (
                "http://camera/video.cgi?user=admin&pwd=hunter2",
                "http://camera/video.cgi?user=…&pwd=…"
            ),
            (
                "srt://host:9000?passphrase=hunter2hunter2&latency=200000",
                "srt://host:9000?passphrase=…&latency=200000"
            ),
            ("http://camera/video?hunter2", "http://camera/video?…"),
            ("http://hunter2@camera", "http://camera"),
        ])
    func redaction(text: String, name: String) throws {
        let address = try LiveAddress.parse(text, isRealtime: false)
        #expect(address.name == name)
        var dumped = ""
        dump(address, to: &dumped)
        for shown in ["\(address)", String(reflecting: address), dumped] {
            #expect(!shown.contains("hunter2"), "\(shown)")
        }
    }

    @Test(
        "what is no source is wrong usage, in one line without a password",
        arguments: [
            "ftp://admin:hunter2@host/a.mp4", "rtsp://", "rtsp://admin:hun/ter2@host/s",
            "rtsp://admin:hun#hunter2@host/s", "v4l2:", "v4l2:video0", "x11:abc",
            "/no/such/file.mp4", "/", "/dev/null",
        ])
    func refusals(text: String) throws {
        let error = try #require(throws: FathomError.self) {
            try LiveAddress.parse(text, isRealtime: true)
        }
        #expect(error.code == .usage)
        #expect(!error.description.contains("hunter2") && !error.description.contains("ter2"))
        #expect(!error.remedy.isEmpty)
    }

    @Test("a recording is live only with --realtime; a named pipe always")
    func recordings() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("a.mp4", Data([1]))
        let error = try #require(throws: FathomError.self) {
            try LiveAddress.parse(file, isRealtime: false)
        }
        #expect(error.code == .usage && error.remedy.contains("--realtime"))
        #expect(try LiveAddress.parse(file, isRealtime: true).kind == .file)
        mkfifo(folder.path("pipe"), 0o600)
        #expect(try LiveAddress.parse(folder.path("pipe"), isRealtime: false).kind == .file)
    }
}
