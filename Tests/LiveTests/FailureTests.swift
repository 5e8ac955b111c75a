import Foundation
import TestSupport
import Testing

extension Live {
    @Suite("What can't be opened") struct Failures {
        @Test("wrong password, unknown host and the like are told apart, and none holds up the end")
        func toldApart() throws {
            let locked = try LivePart(
                "rtsp_camera.py", ["--user", "viewer", "--password", "sesame7"])
            let basic = try LivePart(
                "rtsp_camera.py", ["--user", "viewer", "--password", "sesame7", "--auth", "basic"])
            let odd = try LivePart("rtsp_camera.py", ["--codec", "jpeg2000"])
            let http = try LivePart(
                "http_camera.py", ["--user", "viewer", "--password", "sesame7"])
            let phrase = try LivePart("srt_peer.py", ["--passphrase", "sesame7890", "camera"])
            let silent = try LivePart("mute_server.py", ["silent"])
            let full = try LivePart("mute_server.py", ["full"])
            let garbage = try LivePart("mute_server.py", ["garbage"])
            func wrong(_ url: String) -> String {
                url.replacing("://", with: "://viewer:secret42@", maxReplacements: 1)
            }
            let cases: [(String, Set<String>)] = [
                (wrong(locked.url), ["wrong-password"]), (locked.url, ["wrong-password"]),
                (wrong(basic.url), ["wrong-password"]),
                (wrong(http.url) + "/camera.mjpeg", ["wrong-password"]),
                (phrase.url + "?passphrase=secret4242", ["wrong-password"]),
                ("rtsp://viewer:secret42@camera.invalid/one", ["unknown-host"]),
                ("rtsp://viewer:secret42@127.0.0.1:\(freePort())/one", ["refused"]),
                (odd.url, ["unsupported-codec"]),
                (
                    locked.url.replacing("/camera", with: "/nothing")
                        .replacing("://", with: "://viewer:sesame7@"), ["not-found"]
                ),
                (http.url.replacing("://", with: "://viewer:sesame7@") + "/nothing", ["not-found"]),
                ("rtsp://viewer:secret42@\(silent["address"])/one", ["timed-out"]),
                ("http://viewer:secret42@\(silent["address"])/one", ["timed-out"]),
                ("rtsp://viewer:secret42@\(full["address"])/one", ["timed-out"]),
                (
                    "http://viewer:secret42@\(garbage["address"])/one",
                    ["damaged", "other", "ended"]
                ),
                ("/nowhere/clip.mkv", ["not-found"]),
            ]
            let programs = try cases.map { address, _ in
                try LiveProgram(address, ["--open-timeout", "2", "--realtime"])
            }
            for ((address, reasons), program) in zip(cases, programs) {
                let event = try program.wait(for: "failed")
                #expect(reasons.contains(event["reason"]), "\(address): \(event.values)")
                #expect(!event["cause"].isEmpty)
            }
            // All are still at it, between two attempts or in the middle of one.
            for ((address, _), program) in zip(cases, programs) {
                #expect(program.isRunning)
                let end = try program.interrupt()
                #expect(end.status == 130, "\(address)")
                #expect(end.seconds < 2, "\(address): \(end.seconds) s")
                let told = try String(contentsOfFile: program.path("events.jsonl"), encoding: .utf8)
                let report = try String(
                    contentsOfFile: program.path("report.json"), encoding: .utf8)
                for secret in ["secret42", "sesame7"] {
                    #expect(!(told + report + end.errors).contains(secret), "\(address)")
                }
                #expect(program.count("failed") == 1, "each cause is told once")
            }
        }

        @Test("the right password plays, digest and basic, by RTSP and HTTP, and is shown nowhere")
        func rightPassword() throws {
            let user = ["--user", "viewer", "--password", "sesame7"]
            let digest = try LivePart("rtsp_camera.py", user)
            let basic = try LivePart("rtsp_camera.py", user + ["--auth", "basic"])
            let http = try LivePart("http_camera.py", user)
            let phrase = try LivePart("srt_peer.py", ["--passphrase", "sesame7890", "camera"])
            let addresses =
                [digest.url, basic.url, http.url + "/camera.mjpeg"].map {
                    $0.replacing("://", with: "://viewer:sesame7@")
                } + [phrase.url + "?passphrase=sesame7890"]
            let program = try LiveProgram(addresses)
            try program.wait(for: "connected", count: addresses.count)
            let end = try program.interrupt()
            #expect(end.status == 130)
            let told = try String(contentsOfFile: program.path("events.jsonl"), encoding: .utf8)
            let report = try String(contentsOfFile: program.path("report.json"), encoding: .utf8)
            #expect(!(told + report + end.errors).contains("sesame7"))
        }

        @Test("with --no-reconnect a source that can't be opened ends the program with its reason")
        func noReconnect() throws {
            let program = try LiveProgram(
                "rtsp://127.0.0.1:\(freePort())/one", ["--no-reconnect"])
            let end = try program.end()
            #expect(end.status == 1)
            #expect(end.errors.contains("nothing listens"), "\(end.errors)")
        }
    }

    @Suite("Ctrl-C") struct Endings {
        @Test("ends within a second while playing, with everything recorded until then")
        func playing() throws {
            let camera = try LivePart("rtsp_camera.py")
            let folder = try TemporaryFolder()
            let nginx = try LivePart("nginx_rtmp.py", ["--dir", folder.path("nginx")])
            let program = try LiveProgram(
                camera.url,
                [
                    "--record", "recorded", "--push", nginx["rtmp"] + "/depth", "--dump",
                    "depth.fathom",
                ]
                    + readable)
            try program.wait(for: "age") { (Int($0["frames"]) ?? 0) > 20 }
            let end = try program.interrupt()
            #expect(end.status == 130)
            #expect(end.seconds < 2)
            #expect(end.report.result == "interrupted")
            let recorded = RecordedSegments(program.path("recorded"))
            #expect((recorded.originals + recorded.depths).allSatisfy { !$0.contains("partial") })
            for pictures in try recorded.originalPictures() + recorded.depthPictures() {
                #expect(pictures.numbers.count > 20)
                #expect(pictures.numbers.unreadable == 0)
            }
        }

        @Test(
            "ends within a second while connecting and while reconnecting",
            arguments: ["silent", "full"])
        func connecting(kind: String) throws {
            let mute = try LivePart("mute_server.py", [kind])
            let schemes = ["rtsp", "http", "rtmp"]
            let programs = try schemes.map {
                try LiveProgram("\($0)://\(mute["address"])/one", ["--open-timeout", "60"])
            }
            // Until they sit in the connect, or in the read behind it.
            if kind == "silent" {
                try mute.wait(for: "CONNECTED") { $0["count"] == "3" }
            } else {
                usleep(1_500_000)
            }
            for (scheme, program) in zip(schemes, programs) {
                #expect(program.isRunning)
                let end = try program.interrupt()
                #expect(end.status == 130, "\(scheme)")
                #expect(end.seconds < 2, "\(scheme): \(end.seconds) s")
            }
        }

        @Test("SIGTERM is the same as Ctrl-C")
        func terminated() throws {
            let camera = try LivePart("rtsp_camera.py")
            let program = try LiveProgram(camera.url, ["--record", "recorded"])
            try program.wait(for: "connected")
            program.send(SIGTERM)
            let end = try program.end(within: 10)
            #expect(end.status == 130)
            #expect(end.seconds < 2)
        }
    }
}
