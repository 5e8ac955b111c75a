import CKernels
import FathomCore

/// How depth at the network's resolution becomes depth at the picture's.
public enum UpsamplingMethod: String, CaseIterable, Hashable, Sendable {
    /// Edges follow the picture's (fast guided filter).
    case guided
    /// Linear between the network's values.
    case bilinear
}

/// Enlarges depth maps to a picture's size, guided by its brightness.
///
/// The fast guided filter (He and Sun 2015): around each pixel of the small map depth is fitted as
/// `a * brightness + b`; `a` and `b` are averaged, enlarged and applied to the full picture's brightness. Results
/// stay between the least and the greatest depth nearby, so that texture can't overshoot.
///
/// `load` is called by one thread; then `row` may be called from many at once, each with a `Scratch` of its own.
public final class GuidedUpsampler: @unchecked Sendable {
    // Sendable: `load` is the only writer and must not run beside `row`.

    /// Guided or bilinear.
    public let method: UpsamplingMethod
    /// Width of the result.
    public let width: Int
    /// Height of the result.
    public let height: Int
    private var planes: UpsamplerPlanes?
    private var across = ExpansionTable(source: 1, count: 1)
    private var down = ExpansionTable(source: 1, count: 1)

    /// An upsampler to one size.
    public init(method: UpsamplingMethod, width: Int, height: Int) {
        precondition(width > 0 && height > 0, "a picture has at least one pixel")
        self.method = method
        self.width = width
        self.height = height
    }

    /// Takes the next map; its size may change.
    public func load(_ map: DepthMap) {
        let current: UpsamplerPlanes
        if let planes, planes.width == map.width, planes.height == map.height {
            current = planes
        } else {
            current = UpsamplerPlanes(width: map.width, height: map.height)
            planes = current
            across = ExpansionTable(source: map.width, count: width)
            down = ExpansionTable(source: map.height, count: height)
        }
        current.load(map, guided: method == .guided)
    }

    /// Rows that a thread needs for itself.
    public final class Scratch {
        fileprivate let rows: UnsafeMutablePointer<Float>
        fileprivate let stride: Int

        fileprivate init(stride: Int) {
            self.stride = stride
            rows = .allocate(capacity: 4 * stride)
            rows.initialize(repeating: 0, count: 4 * stride)
        }

        deinit { rows.deallocate() }
    }

    /// Rows for one thread, for maps of the size that is loaded.
    public func makeScratch() -> Scratch { Scratch(stride: planes?.stride ?? 1) }

    /// Whether scratch rows still fit the map that is loaded.
    public func fits(_ scratch: Scratch) -> Bool { scratch.stride == planes?.stride }

    /// One row of depth at full size.
    ///
    /// - Parameters:
    ///   - y: the row, from 0.
    ///   - brightness: the picture's luma in 0…1, `width` values; not read by `bilinear`.
    ///   - out: `width` values.
    public func row(
        _ y: Int, brightness: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
        scratch: Scratch
    ) {
        guard let planes else { preconditionFailure("a map is loaded before rows are made") }
        precondition(fits(scratch) && (0..<height).contains(y), "the row belongs to this picture")
        let kernels = fathom_upsample().pointee
        let top = Int(down.first[y])
        let next = min(top + 1, planes.height - 1)
        let share = down.share[y]
        func between(_ plane: PaddedPlane, _ slot: Int) -> UnsafeMutablePointer<Float> {
            let target = scratch.rows + slot * planes.stride
            kernels.between(target, plane[top], plane[next], share, planes.stride)
            return target
        }
        switch method {
        case .bilinear: across.expand(between(planes.depth, 0), into: out, kernels: kernels)
        case .guided:
            var rows = fathom_upsample_rows(
                slope: between(planes.slope, 0), offset: between(planes.offset, 1),
                least: between(planes.least, 2), greatest: between(planes.greatest, 3))
            kernels.guided(
                out, &rows, across.first, across.share, across.isEnlarging ? 1 : 0, brightness,
                width)
        }
    }
}

/// The small planes of the guided filter: slope and offset, and the bounds of the depth nearby.
private final class UpsamplerPlanes {
    let width: Int
    let height: Int
    let depth: PaddedPlane
    let slope: PaddedPlane
    let offset: PaddedPlane
    let least: PaddedPlane
    let greatest: PaddedPlane
    private let brightness: PaddedPlane
    private let rawSlope: PaddedPlane
    private let rawOffset: PaddedPlane
    private let sums: PaddedPlane
    private let means: PaddedPlane

    /// Radius of the fit in small pixels.
    private static let fitRadius = 3
    /// Radius of the average of slope and offset.
    private static let meanRadius = 2
    /// Radius of the bounds.
    private static let boundRadius = 2
    /// Variance of brightness (0…1) below which a surface counts as plain.
    private static let epsilon: Float = 0.002
    /// Variance of depth, as part of its squared mean, below which a surface counts as a smooth slope.
    private static let plainRelief: Float = 0.002
    private static let margin = 8

    var stride: Int { depth.stride }

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        func plane(_ rows: Int) -> PaddedPlane {
            PaddedPlane(width: width, height: rows, left: Self.margin)
        }
        depth = plane(height)
        slope = plane(height)
        offset = plane(height)
        least = plane(height)
        greatest = plane(height)
        brightness = plane(height)
        rawSlope = plane(height)
        rawOffset = plane(height)
        sums = plane(5)
        means = plane(5)
    }

    func load(_ map: DepthMap, guided: Bool) {
        map.withValues { values in
            map.withBrightness { light in
                guard let values = values.baseAddress, let light = light.baseAddress else { return }
                for y in 0..<height {
                    depth[y].update(from: values + y * width, count: width)
                    depth.replicateEdges(y)
                    if guided {
                        brightness[y].update(from: light + y * width, count: width)
                        brightness.replicateEdges(y)
                    }
                }
            }
        }
        guard guided else { return }
        let kernels = fathom_upsample().pointee
        for y in 0..<height { fit(y, kernels) }
        for y in 0..<height {
            average(rawSlope, y, into: slope, kernels)
            average(rawOffset, y, into: offset, kernels)
            bound(y, kernels)
        }
    }

    /// Rows `y - radius ... y + radius`, replicated beyond the plane, each from `margin` before its content.
    private func rows<R>(
        _ plane: PaddedPlane, around y: Int, radius: Int,
        _ body: (UnsafePointer<UnsafePointer<Float>?>) -> R
    ) -> R {
        withUnsafeTemporaryAllocation(
            of: UnsafePointer<Float>?.self, capacity: 2 * radius + 1
        ) { list in
            for k in 0...(2 * radius) {
                list[k] = UnsafePointer(
                    plane[min(max(y + k - radius, 0), height - 1)] - Self.margin)
            }
            guard let base = list.baseAddress else { preconditionFailure("rows have memory") }
            return body(base)
        }
    }

    private func fit(_ y: Int, _ kernels: fathom_upsample_kernels) {
        let radius = Self.fitRadius
        let count = 2 * radius + 1
        let scale = 1 / Float(count * count)
        rows(brightness, around: y, radius: radius) { light in
            rows(depth, around: y, radius: radius) { values in
                withUnsafeTemporaryAllocation(
                    of: UnsafeMutablePointer<Float>?.self, capacity: 5
                ) { targets in
                    for k in 0..<5 { targets[k] = sums[k] - Self.margin }
                    kernels.column_moments(targets.baseAddress, light, values, count, stride)
                }
            }
        }
        for k in 0..<5 { kernels.box(means[k], sums[k] - radius, radius, scale, width) }
        kernels.fit(
            rawSlope[y], rawOffset[y], means[0], means[1], means[2], means[3], means[4],
            Self.epsilon, Self.plainRelief, width)
        rawSlope.replicateEdges(y)
        rawOffset.replicateEdges(y)
    }

    private func average(
        _ plane: PaddedPlane, _ y: Int, into out: PaddedPlane, _ kernels: fathom_upsample_kernels
    ) {
        let radius = Self.meanRadius
        let count = 2 * radius + 1
        rows(plane, around: y, radius: radius) {
            kernels.column_sums(sums[0] - Self.margin, $0, count, stride)
        }
        kernels.box(out[y], sums[0] - radius, radius, 1 / Float(count * count), width)
        out.replicateEdges(y)
    }

    private func bound(_ y: Int, _ kernels: fathom_upsample_kernels) {
        let radius = Self.boundRadius
        rows(depth, around: y, radius: radius) {
            kernels.column_bounds(
                sums[0] - Self.margin, sums[1] - Self.margin, $0, 2 * radius + 1, stride)
        }
        kernels.box_bounds(
            least[y], greatest[y], sums[0] - radius, sums[1] - radius, radius, width)
        least.replicateEdges(y)
        greatest.replicateEdges(y)
    }
}
