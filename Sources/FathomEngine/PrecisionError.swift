import FathomCore
import FathomGraph

/// How far the outputs of a session in lower precision are from those in fp32, on the same inputs.
public struct PrecisionError: Sendable, Codable {
    /// The largest difference, by the largest magnitude of the fp32 output.
    public let largest: Double
    /// The mean difference, by the mean magnitude of the fp32 output.
    public let mean: Double

    /// Measures a session that has just been executed, by running the network once more in fp32.
    ///
    /// For a quantized file fp32 is the same network whose numbers are limited as it says, but not rounded; its weights
    /// stay the rounded ones, as the file has no others.
    public init(
        of session: Session, graph: Graph, options: SessionOptions
    ) throws(FathomError) {
        var exact = options
        exact.precision = .fp32
        let reference = try Session(
            graph.withoutRounding, inputShapes: session.inputShapes, options: exact)
        for (name, type) in session.inputTypes where type == .float {
            session.withInput(name) { source in
                reference.withInput(name) { target in
                    _ = target.update(fromContentsOf: source)
                }
            }
        }
        try reference.execute()
        var (largest, sum) = (0.0, 0.0)
        var (magnitude, magnitudes) = (0.0, 0.0)
        for output in graph.outputs where session.outputTypes[output.name] == .float {
            session.withOutput(output.name) { values, _ in
                reference.withOutput(output.name) { wanted, _ in
                    for (value, exact) in zip(values, wanted) {
                        let difference = abs(Double(value) - Double(exact))
                        largest = max(largest, difference)
                        sum += difference
                        magnitude = max(magnitude, abs(Double(exact)))
                        magnitudes += abs(Double(exact))
                    }
                }
            }
        }
        self.largest = magnitude > 0 ? largest / magnitude : largest
        mean = magnitudes > 0 ? sum / magnitudes : sum
    }
}

extension PrecisionError: CustomStringConvertible {
    /// As `differs from fp32 by 0.31 % in the mean, 1.20 % at most`.
    public var description: String {
        "differs from fp32 by \(Self.percent(mean)) in the mean, \(Self.percent(largest)) at most"
    }

    private static func percent(_ share: Double) -> String {
        guard share.isFinite, share < 1e6 else { return "more than can be said" }
        let hundredths = Int((share * 10_000).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) %"
    }
}

extension SessionOptions {
    /// The precision in which a graph is computed: a quantized one says itself.
    public func effectivePrecision(of graph: Graph) -> Precision {
        graph.isQuantized && !disabledPasses.contains("fuse-quantized") ? .int8 : precision
    }
}
