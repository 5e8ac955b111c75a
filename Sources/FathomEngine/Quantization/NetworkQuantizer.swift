import FathomCore
import FathomGraph

/// Makes a network compute on whole numbers of 8 bits, with ranges from pictures that it is shown, and says what that
/// costs.
///
/// Layers whose quantization alone changes the output most are left in floating point, one more at a time, until the
/// mean error is within the limit.
public struct NetworkQuantizer: Sendable {
    /// How ranges are chosen.
    public var ranges = RangeMethod.percentile
    /// The mean error, as part of the output's span, that is accepted.
    public var limit = 0.01
    /// The largest part of the layers that may stay in floating point.
    public var largestFloatShare = 0.5
    /// Whose threads do the work.
    public var pool = WorkerPool.machine
    /// Told what is being done.
    public var progress: @Sendable (String) -> Void = { _ in }

    /// Inputs of one run by name.
    public typealias Frame = [String: Tensor]

    /// A quantized network and what is known of it.
    public struct Result: Sendable {
        /// The network.
        public let graph: Graph
        /// Layers that compute in 8 bits.
        public let layers: Int
        /// Names of the layers that stayed in floating point, the most sensitive first.
        public let floatLayers: [String]
        /// Edges of 8-bit numbers.
        public let edges: Int
        /// Against the network as it was.
        public let error: OutputError
    }

    /// A quantizer with the usual settings.
    public init() {}

    /// Quantizes a network as it was imported; frames give every input.
    ///
    /// - Parameters:
    ///   - calibration: what ranges are taken from.
    ///   - judging: what the error is measured on; best not the same.
    public func quantize(
        _ graph: Graph, calibration: [Frame], judging: [Frame]
    ) throws(FathomError) -> Result {
        let prepared = try graph.preparedForQuantization()
        let layers = QuantizationScheme.possibleLayers(prepared)
        func failure(_ cause: String, _ remedy: String) -> FathomError {
            FathomError(
                operation: "quantize", subject: "model \(graph.name)", cause: cause,
                remedy: remedy)
        }
        guard !layers.isEmpty else {
            throw failure(
                "it has no convolution with constant weights", "Only convolutions are quantized")
        }
        guard !calibration.isEmpty, !judging.isEmpty else {
            throw failure("there are no frames to measure its ranges on", "Give some pictures")
        }
        let whole = QuantizationScheme(prepared, layers: Set(layers))
        progress(
            "measuring the ranges of \(whole.edges.count) edges on \(calibration.count) frames")
        let attempt = Attempt(
            quantizer: self, graph: prepared, scales: try scales(whole, calibration),
            judging: judging, truth: try outputs(graph, judging))
        var best = try attempt.result(Set(layers))
        guard best.error.mean > limit else { return best }
        let order = try sensitivities(attempt, layers)
        var kept = 0
        let most = Int(Double(layers.count) * largestFloatShare)
        while best.error.mean > limit, kept < most {
            // Few at first, then in larger steps: each try is a whole network planned and run.
            kept = min(most, kept + max(1, kept / 4))
            let floats = order.prefix(kept)
            let next = try attempt.result(Set(layers).subtracting(floats), floats: Array(floats))
            progress("\(kept) layers in floating point: mean error \(next.error.mean)")
            if next.error.mean < best.error.mean { best = next }
        }
        guard best.error.mean <= limit else {
            throw failure(
                "its mean error is \(best.error.mean) of the output's span with \(best.floatLayers.count) of \(layers.count) layers in floating point, beyond the limit of \(limit)",
                "Accept more with --max-error, choose other --ranges, or give more typical frames")
        }
        return best
    }

    /// The layers by what quantizing each alone does to the output, the worst first.
    private func sensitivities(
        _ attempt: Attempt, _ layers: [Int]
    ) throws(FathomError) -> [Int] {
        var errors: [(layer: Int, error: Double)] = []
        for (count, layer) in layers.enumerated() {
            if count % 10 == 0 { progress("judging layer \(count + 1) of \(layers.count)") }
            errors.append((layer, try attempt.error([layer], frames: 1).mean))
        }
        return errors.sorted { ($1.error, $0.layer) < ($0.error, $1.layer) }.map(\.layer)
    }

    /// What frames show of every edge of a scheme.
    private func scales(
        _ scheme: QuantizationScheme, _ frames: [Frame]
    ) throws(FathomError) -> [String: EdgeScale] {
        var histograms: [String: EdgeHistogram] = [:]
        let inputs = Set(scheme.graph.inputs.map(\.name))
        var observed = scheme.graph
        observed.outputs = scheme.edges.filter { !inputs.contains($0) }.map {
            ValueInfo(name: $0, dimensions: nil)
        }
        try run(observed, frames) { name, tensor in
            tensor.withUnsafeBuffer { histograms[name, default: EdgeHistogram()].add($0) }
        }
        for frame in frames {
            for (name, tensor) in frame where scheme.edges.contains(name) {
                tensor.withUnsafeBuffer { histograms[name, default: EdgeHistogram()].add($0) }
            }
        }
        var bounds = histograms.mapValues { $0.range(ranges) }
        unify(&bounds, scheme)
        return bounds.mapValues { EdgeScale(low: $0.lowerBound, high: $0.upperBound) }
    }

    /// Edges between which numbers only move get one range, unless that makes the steps of one much coarser.
    private func unify(
        _ bounds: inout [String: ClosedRange<Float>], _ scheme: QuantizationScheme
    ) {
        let mostWidening: Float = 2
        var groups = scheme.alike
        var merged = true
        while merged {
            merged = false
            for first in groups.indices {
                for second in groups.indices.dropFirst(first + 1)
                where !Set(groups[first]).isDisjoint(with: groups[second]) {
                    groups[first] = Array(Set(groups[first] + groups[second])).sorted()
                    groups.remove(at: second)
                    merged = true
                    break
                }
                if merged { break }
            }
        }
        for group in groups {
            let known = group.compactMap { bounds[$0] }
            guard let low = known.map(\.lowerBound).min(), let high = known.map(\.upperBound).max()
            else { continue }
            for edge in group {
                guard let own = bounds[edge] else { continue }
                let width = own.upperBound - own.lowerBound
                if high - low <= width * mostWidening { bounds[edge] = low...high }
            }
        }
    }

    /// The first output of every frame.
    fileprivate func outputs(_ graph: Graph, _ frames: [Frame]) throws(FathomError) -> [Tensor] {
        var results: [Tensor] = []
        let name = graph.outputs[0].name
        var first = graph
        first.outputs = [graph.outputs[0]]
        try run(first, frames) { output, tensor in
            if output == name { results.append(tensor) }
        }
        return results
    }

    /// Runs a graph on frames, with a session for each size of picture.
    private func run(
        _ graph: Graph, _ frames: [Frame], _ body: (String, Tensor) -> Void
    ) throws(FathomError) {
        var session: Session?
        for frame in frames {
            let shapes = frame.mapValues(\.shape)
            if session?.inputShapes != shapes {
                session = try Session(
                    graph, inputShapes: shapes, options: SessionOptions(pool: pool))
            }
            guard let outputs = try session?.run(frame) else { return }
            for (name, tensor) in outputs.sorted(by: { $0.key < $1.key }) { body(name, tensor) }
        }
    }
}

/// Networks with some layers in 8 bits, judged against the one as it was.
private struct Attempt {
    let quantizer: NetworkQuantizer
    let graph: Graph
    let scales: [String: EdgeScale]
    let judging: [NetworkQuantizer.Frame]
    let truth: [Tensor]

    func result(
        _ layers: Set<Int>, floats: [Int] = []
    ) throws(FathomError) -> NetworkQuantizer.Result {
        let scheme = QuantizationScheme(graph, layers: layers)
        let quantized = try graph.quantized(scheme, scales: scales)
        return NetworkQuantizer.Result(
            graph: quantized, layers: layers.count,
            floatLayers: floats.map { graph.nodes[$0].name },
            edges: scheme.edges.count, error: try error(quantized, frames: judging.count))
    }

    func error(_ layers: Set<Int>, frames: Int) throws(FathomError) -> OutputError {
        let scheme = QuantizationScheme(graph, layers: layers)
        return try error(graph.quantized(scheme, scales: scales), frames: frames)
    }

    private func error(_ quantized: Graph, frames: Int) throws(FathomError) -> OutputError {
        var error = OutputError()
        let outputs = try quantizer.outputs(quantized, Array(judging.prefix(frames)))
        for (truth, output) in zip(truth, outputs) { error.add(truth, output) }
        return error
    }
}
