/// What the numbers of a depth map mean.
public enum DepthKind: String, CaseIterable, Hashable, Sendable, Codable {
    /// Relative inverse depth: large is near, 0 is infinitely far; scale (and for many networks shift) unknown.
    case inverseDepth = "inverse-depth"
    /// Relative depth along the optical axis: large is far; scale unknown.
    case depth
    /// Depth along the optical axis in metres.
    case metres

    /// Whether a larger number is nearer.
    public var isLargeNear: Bool { self == .inverseDepth }

    /// The unit for a person; nil for relative kinds.
    public var unit: String? { self == .metres ? "m" : nil }
}

/// What is remarkable about one frame's depth; the names are those of the manifest.
public struct DepthFlags: OptionSet, Hashable, Sendable {
    /// One bit a flag.
    public let rawValue: UInt8

    /// Makes flags from bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The first frame of a new scene.
    public static let cut = DepthFlags(rawValue: 1)
    /// The picture is almost black.
    public static let dark = DepthFlags(rawValue: 2)
    /// The picture is much less sharp than those before it.
    public static let blurred = DepthFlags(rawValue: 4)
    /// The depth has hardly any relief.
    public static let flat = DepthFlags(rawValue: 8)
    /// The network gave values that are not finite; they were replaced.
    public static let nonFinite = DepthFlags(rawValue: 16)
    /// The scale of the depth jumped more than can be followed within a scene.
    public static let scaleJump = DepthFlags(rawValue: 32)
    /// The source frame was damaged.
    public static let damaged = DepthFlags(rawValue: 64)

    private static let named: [(DepthFlags, String)] = [
        (.cut, "cut"), (.dark, "dark"), (.blurred, "blurred"), (.flat, "flat"),
        (.nonFinite, "non-finite"), (.scaleJump, "scale-jump"), (.damaged, "damaged"),
    ]

    /// The manifest's words, in its order.
    public var names: [String] { Self.named.filter { contains($0.0) }.map(\.1) }
}
