import FathomCore
import FathomDepth

/// Makes of a sample what a network gets: size, variation, normalisation, target.
struct SamplePreparation {
    private let configuration: DataConfiguration

    init(_ configuration: DataConfiguration) { self.configuration = configuration }

    /// A sample after the geometry and colour of a draw, still in 0…1 and metres, and its camera.
    func varied(_ sample: DepthSample, _ draw: Augmentation?) throws(FathomError) -> DepthSample {
        let (height, width) = (sample.depth.shape[0], sample.depth.shape[1])
        let size = configuration.size
        let warp =
            draw?.warp(
                from: width, height, to: size.width, size.height, camera: sample.intrinsics)
            ?? PictureWarp(from: width, height, to: size.width, size.height)
        var result = sample
        result.picture = try colored(warp.picture(sample.picture), draw)
        result.depth = warp.depth(sample.depth)
        if let divisor = draw?.depthDivisor, divisor != 1 {
            let depth = result.depth
            result.depth = Tensor(shape: depth.shape, values: depth.values.map { $0 / divisor })
            // The camera stays: only the cut's place moves its principal point.
            result.intrinsics = try sample.intrinsics?.scaled(
                toWidth: size.width, height: size.height)
        } else if let camera = sample.intrinsics {
            result.intrinsics = try warp.intrinsics(camera)
        }
        result.flow = sample.flow.map(warp.flow)
        if warp.angle != 0 || warp.isFlipped { result.pose = nil }
        for (key, picture) in sample.neighbours {
            result.neighbours[key] = try colored(warp.picture(picture), draw)
        }
        if draw?.exchangesEyes == true { result.baseline = -sample.baseline }
        return result
    }

    private func colored(_ picture: Tensor, _ draw: Augmentation?) throws(FathomError) -> Tensor {
        try draw?.colored(picture) ?? picture
    }

    /// The tensors of one slot of a batch.
    func tensors(
        _ sample: DepthSample, _ draw: Augmentation?
    ) throws(FathomError) -> [String: Tensor] {
        let varied = try varied(sample, draw)
        let (target, valid) = configuration.target.prepared(
            varied.depth, within: configuration.limits)
        var result = [
            "image": configuration.normalization.normalized(varied.picture),
            "target": target, "valid": valid,
        ]
        if let camera = varied.intrinsics {
            result["intrinsics"] = Tensor(
                shape: [4],
                values: [
                    Float(camera.fx), Float(camera.fy), Float(camera.cx), Float(camera.cy),
                ])
        }
        if let pose = varied.pose {
            result["pose"] = Tensor(shape: [16], values: pose.map { Float($0) })
        }
        result["flow"] = varied.flow
        for (key, picture) in varied.neighbours {
            result[key.rawValue] = configuration.normalization.normalized(picture)
        }
        if varied.neighbours[.otherEye] != nil {
            result["baseline"] = Tensor(shape: [1], values: [varied.baseline])
        }
        return result
    }
}
