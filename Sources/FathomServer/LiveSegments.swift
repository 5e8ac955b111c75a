import FathomPipeline

/// What an HLS player is given of one source.
public protocol LiveSegments: Sendable {
    /// The playlist (RFC 8216), its segments named `0.ts`, `1.ts` and so on; waits at most `waiting` seconds for the
    /// first one.
    func playlist(waiting seconds: Double) -> String?
    /// A segment; `nil` when it isn't there any more, or not yet.
    func segment(_ number: Int) -> [UInt8]?
}

extension HLSWindow: LiveSegments {}
