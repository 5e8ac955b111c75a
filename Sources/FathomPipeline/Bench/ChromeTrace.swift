import FathomCore
import FathomEngine
import Foundation

/// Writes what threads did as a trace that chrome://tracing and Perfetto show: the JSON form of Google's "Trace Event
/// Format", one complete event ("X") for each step on each thread, in microseconds from the first.
public enum ChromeTrace {
    private struct File: Encodable {
        let displayTimeUnit = "ms"
        let traceEvents: [Event]
    }

    private struct Event: Encodable {
        let name: String
        let cat: String
        let ph = "X"
        let ts: Double
        let dur: Double
        let pid: Int32
        let tid: Int
        let args: Details
    }

    private struct Details: Encodable {
        let step: Int
        let chunks: Int
    }

    /// Writes a file anew.
    public static func write(_ events: [StepEvent], to path: String) throws(FathomError) {
        let origin = events.map(\.start).min() ?? 0
        let process = ProcessInfo.processInfo.processIdentifier
        let file = File(
            traceEvents: events.map { event in
                Event(
                    name: event.node, cat: event.operation,
                    ts: Double(event.start - origin) / 1e3,
                    dur: Double(event.end - event.start) / 1e3, pid: process, tid: event.thread,
                    args: Details(step: event.step, chunks: event.chunks))
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        do {
            let bytes = [UInt8](try encoder.encode(file))
            try bytes.withUnsafeBytes { try FileBytes.write(path, [$0]) }
        } catch let error as FathomError {
            throw error
        } catch {
            throw FathomError(operation: "write", subject: path, cause: "\(error)")
        }
    }
}
