import Fathom
import FathomServer
import Foundation
import TestSupport
import Testing

@Suite("Metrics")
struct MetricsTests {
    /// A line of a sample: name, labels, value.
    private static var sample: Regex<(Substring, Substring, Substring?, Substring)> {
        /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? ([-+0-9.eE]+|NaN|[-+]Inf)/
    }

    private func text(_ server: TestServer) throws -> String {
        let answer = try server.get("/metrics")
        #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        return answer.text
    }

    @Test("the text is Prometheus' format, each metric once with help and type")
    func format() throws {
        let server = try TestServer(sources: [
            try SyntheticFeed(name: "rtsp://camera/\"a\\b\nc\""), try SyntheticFeed(index: 1),
        ])
        for source in server.sources {
            source.connect()
            source.showWork()
            for _ in 0..<5 { try source.publish() }
        }
        let text = try text(server)
        #expect(text.hasSuffix("\n"))
        var types: [String: String] = [:]
        var seen: Set<String> = []
        var current = ""
        for line in text.split(separator: "\n").map(String.init) {
            if line.hasPrefix("# HELP ") {
                current = String(line.split(separator: " ")[2])
                #expect(types[current] == nil, "\(current) comes twice")
            } else if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ").map(String.init)
                #expect(words.count == 4 && words[2] == current)
                #expect(["counter", "gauge", "summary"].contains(words[3]))
                types[current] = words[3]
            } else {
                let match = try #require(line.wholeMatch(of: Self.sample), "\(line)")
                let name = String(match.1)
                #expect(
                    name == current || (name == current + "_count" && types[current] == "summary"))
                #expect(seen.insert("\(name){\(match.2 ?? "")}").inserted, "\(line) comes twice")
                if types[current] == "counter" { #expect(name.hasSuffix("_total")) }
            }
        }
        #expect(text.contains("name=\"rtsp://camera/\\\"a\\\\b\\nc\\\"\""))
    }

    @Test("they say what the sources did")
    func values() throws {
        let server = try TestServer()
        let source = server.sources[0]
        #expect(try server.metric("fathom_source_up") == 0)
        #expect(try server.metric("fathom_last_frame_timestamp_seconds") == nil)
        source.connect()
        source.showWork()
        for _ in 0..<5 { try source.publish() }
        #expect(try server.metric("fathom_source_up{source=\"0\"}") == 1)
        #expect(try server.metric("fathom_frames_in_total{source=\"0\"}") == 5)
        #expect(try server.metric("fathom_frames_out_total{source=\"0\"}") == 5)
        #expect(
            try server.metric("fathom_frames_dropped_total{source=\"0\",reason=\"slow\"}") == 7)
        #expect(try server.metric("fathom_age_seconds{source=\"0\",quantile=\"0.5\"}") ?? 0 >= 0.02)
        #expect(try server.metric("fathom_age_seconds_count{source=\"0\"}") == 5)
        let last = try #require(try server.metric("fathom_last_frame_timestamp_seconds"))
        #expect(abs(last - Date().timeIntervalSince1970) < 60)
        #expect(try server.metric("fathom_stage_load_ratio{source=\"0\",stage=\"depth\"}") == 0.71)
        let push = "{source=\"0\",output=\"push rtsp://server.example/depth\"}"
        #expect(try server.metric("fathom_output_written_total\(push)") == 1234)
        #expect(try server.metric("fathom_output_up\(push)") == 1)
        #expect(try server.metric("process_resident_memory_bytes") ?? 0 > 1e6)
        #expect(try server.metric("process_cpu_seconds_total") ?? 0 > 0)
        #expect(try server.metric("fathom_http_connections") ?? 0 >= 1)
        #expect(try server.metric("fathom_http_answers_total{code=\"200\"}") ?? 0 > 5)
    }

    @Test("every name is in the documentation, and nothing else")
    func documented() throws {
        let server = try TestServer()
        let source = server.sources[0]
        source.connect()
        source.showWork()
        try source.publish()
        _ = try text(server)
        var served: Set<String> = []
        for line in try text(server).split(separator: "\n") where line.hasPrefix("# TYPE ") {
            served.insert(String(line.split(separator: " ")[2]))
        }
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Docs/Metrics.md")
        let rows = try String(contentsOf: page, encoding: .utf8).split(separator: "\n")
        let documented = Set(
            rows.compactMap { $0.prefixMatch(of: /\| `([a-z_]+)/).map { String($0.1) } })
        #expect(served == documented)
    }
}
