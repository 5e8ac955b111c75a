/// Width and height in pixels.
public struct PixelSize: Hashable, Sendable {
    /// Pixels across.
    public let width: Int
    /// Pixels down.
    public let height: Int

    /// Reads `1280x720`; `nil` for anything else, or for sides outside 1…32768.
    public init?(_ text: String) {
        let parts = text.split(separator: "x", omittingEmptySubsequences: false)
        guard parts.count == 2, let width = Int(parts[0]), let height = Int(parts[1]),
            (1...32768).contains(width), (1...32768).contains(height)
        else { return nil }
        self.width = width
        self.height = height
    }
}
