import CKernels
import FathomCore
import Foundation

/// How strongly depth is smoothed over time.
public enum Smoothing: String, CaseIterable, Hashable, Sendable {
    /// Steadier without visible lag.
    case light
    /// Every frame by itself.
    case off
    /// Steadier still; fast depth changes lag a little.
    case strong
}

/// Smooths depth over time along the picture's motion, and follows the scale of relative depth.
///
/// The last result is carried along block motion found in the brightness; where the carried brightness matches
/// the picture, and the depth nearly matches too, part of it is kept. Where either differs (uncovered ground,
/// moving edges) the new depth stands alone, so that edges don't smear. Before that the frame's scale is brought
/// towards the carried one by a robust, bounded factor that dies away in about a second.
public struct TemporalFilter: Stateful, Sendable {
    /// How strongly.
    public let smoothing: Smoothing
    private let pool: DepthMapPool
    private var width = 0
    private var height = 0
    private var depth: [Float] = []
    private var brightness: [Float] = []
    private var lastTime: Double = 0

    /// A filter with no memory yet.
    public init(smoothing: Smoothing, pool: DepthMapPool = DepthMapPool()) {
        self.smoothing = smoothing
        self.pool = pool
    }

    private struct Strength {
        /// The part of the carried depth that is kept at 30 frames a second where nothing changed.
        var keep: Float
        var brightnessScale: Float
        var depthScale: Float
        /// Seconds in which the correction of scale dies away.
        var scaleSeconds: Double
    }

    private var strength: Strength? {
        switch smoothing {
        case .off: nil
        case .light:
            Strength(keep: 0.6, brightnessScale: 0.04, depthScale: 0.06, scaleSeconds: 0.4)
        case .strong:
            Strength(keep: 0.85, brightnessScale: 0.06, depthScale: 0.12, scaleSeconds: 1.2)
        }
    }

    /// The next frame's depth, smoothed.
    ///
    /// - Parameters:
    ///   - map: the network's depth.
    ///   - seconds: the frame's time.
    ///   - isCut: whether the frame begins a scene: nothing is carried into it.
    /// - Returns: the map (the same one when there is nothing to carry), and `scaleJump` if its scale was too
    ///   far from the carried one to be followed.
    public mutating func update(
        _ map: DepthMap, at seconds: Double, isCut: Bool
    ) -> (map: DepthMap, flags: DepthFlags) {
        guard let strength else { return (map, []) }
        let step = seconds - lastTime
        lastTime = seconds
        let sameSize = width == map.width && height == map.height
        guard !isCut, sameSize, step > 0, step < 1 else {
            remember(map)
            return (map, [])
        }
        let result = blend(map, strength, step: step)
        remember(result.map)
        return result
    }

    private mutating func remember(_ map: DepthMap) {
        if width != map.width || height != map.height {
            width = map.width
            height = map.height
            depth = [Float](repeating: 0, count: map.count)
            brightness = depth
        }
        map.withValues { values in
            depth.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: values) }
        }
        map.withBrightness { light in
            brightness.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: light) }
        }
    }

    private func blend(
        _ map: DepthMap, _ strength: Strength, step: Double
    ) -> (map: DepthMap, flags: DepthFlags) {
        let carried = CarriedDepth(
            from: (depth, brightness), to: map, width: width, height: height)
        let statistics = DepthStatistics(map)
        let spread = max(statistics.high - statistics.low, 1e-6)
        let (factor, isJump) = carried.scale(of: map, spread: spread)
        let follow = Float(exp(-step / strength.scaleSeconds))
        let applied = exp(log(factor) * follow)
        // What is kept counts per second, not per frame.
        let keep = Float(pow(Double(strength.keep), step * 30))
        var weights = fathom_temporal_weights(
            keep: keep, brightness_scale: strength.brightnessScale,
            depth_scale: strength.depthScale, carried_scale: applied / factor)
        let out = pool.take(
            width: width, height: height, kind: map.kind, nonFiniteCount: map.nonFiniteCount)
        let kernels = fathom_temporal().pointee
        map.withValues { values in
            out.withMutableValues { result, light in
                map.withBrightness { _ = light.update(fromContentsOf: $0) }
                for index in 0..<map.count { result[index] = values[index] * applied }
                guard let base = result.baseAddress else { return }
                kernels.mix(
                    base, base, carried.depth, carried.change, &weights, spread * applied, map.count
                )
            }
        }
        return (out, isJump ? .scaleJump : [])
    }

    /// The last result, its picture's brightness and time.
    public func saveState() -> [UInt8] {
        var writer = StateWriter(tag: "SMTH", version: 1)
        writer.write(Int32(width))
        writer.write(Int32(height))
        writer.write(depth)
        writer.write(brightness)
        writer.write(lastTime)
        return writer.bytes
    }

    /// Takes up where `saveState` left off.
    public mutating func restoreState(_ bytes: [UInt8]) throws(FathomError) {
        var reader = try StateReader(bytes, tag: "SMTH", version: 1)
        let width = Int(try reader.read(Int32.self))
        let height = Int(try reader.read(Int32.self))
        let depth = try reader.readFloats()
        let brightness = try reader.readFloats()
        let lastTime = try reader.readDouble()
        try reader.finish()
        guard width >= 0, height >= 0, depth.count == width * height,
            brightness.count == depth.count
        else {
            throw FathomError(
                operation: "restore", subject: "the saved state SMTH",
                cause: "its sizes contradict each other", remedy: "Start the run anew")
        }
        self.width = width
        self.height = height
        self.depth = depth
        self.brightness = brightness
        self.lastTime = lastTime
    }
}
