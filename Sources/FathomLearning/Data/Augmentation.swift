import FathomCore
import FathomDepth
import FathomMedia
import Glibc

/// One draw of what `AugmentationConfiguration` allows: the same for all pictures of a sample or clip.
struct Augmentation {
    private let configuration: AugmentationConfiguration
    private let isFlipped: Bool
    private let angle: Double
    /// Share of the sides, and where the cut lies: 0…1.
    private let share: Double
    private let placeX: Double
    private let placeY: Double
    private let gain: SIMD3<Float>
    private let contrast: Float
    private let saturation: Float
    private let gamma: Float
    private let blurWidth: Float
    private let noise: Float
    private let noiseSeed: UInt64
    private let quantizer: Int?

    /// Draws; the same random numbers are used up whatever is switched on, so that one switch changes one thing.
    init(_ configuration: AugmentationConfiguration, random: inout SeededRandom) {
        self.configuration = configuration
        func double(_ low: Double, _ high: Double) -> Double {
            low + (high - low) * Double(random.unit())
        }
        isFlipped = double(0, 1) < configuration.flip
        angle = double(-1, 1) * configuration.rotate * .pi / 180
        share = double(configuration.crop.lowerBound, configuration.crop.upperBound)
        (placeX, placeY) = (double(0, 1), double(0, 1))
        let strength = Float(configuration.color)
        func about(_ width: Float) -> Float {
            let power = (2 * random.unit() - 1) * width * strength
            return powf(2, power)
        }
        let brightness = about(1)
        gain = SIMD3(about(0.35), about(0.35), about(0.35)) * brightness
        contrast = about(0.8)
        saturation = 1 + (2 * random.unit() - 1) * strength
        gamma = about(0.6)
        let (isBlurred, width) = (random.unit() < Float(configuration.blur), random.unit())
        blurWidth = isBlurred ? 0.4 + 1.4 * width : 0
        noise = random.unit() * Float(configuration.noise)
        noiseSeed = random.next()
        let (isJPEG, quality) = (random.unit() < Float(configuration.jpeg), random.unit())
        quantizer = isJPEG ? 2 + Int(quality * 12) : nil
    }

    /// The geometry for a source of a size; turned about its principal point where that is known.
    func warp(
        from width: Int, _ height: Int, to outputWidth: Int, _ outputHeight: Int,
        camera: CameraIntrinsics?
    ) -> PictureWarp {
        var warp = PictureWarp(from: width, height, to: outputWidth, outputHeight)
        warp.width = Double(width) * share
        warp.height = Double(height) * share
        warp.left = (Double(width) - warp.width) * placeX
        warp.top = (Double(height) - warp.height) * placeY
        warp.angle = angle
        warp.isFlipped = isFlipped
        if let camera { (warp.pivotX, warp.pivotY) = (camera.cx, camera.cy) }
        return warp
    }

    /// By what depth is divided.
    var depthDivisor: Float { configuration.zoom == .depth ? Float(1 / share) : 1 }

    /// Whether left and right are exchanged: the other eye changes sides then.
    var exchangesEyes: Bool { isFlipped }

    /// Colour, blur, noise and JPEG on a 3×H×W picture of 0…1.
    func colored(_ picture: Tensor) throws(FathomError) -> Tensor {
        var result = picture
        if configuration.color > 0 { result = recolored(result) }
        if blurWidth > 0 { result = blurred(result) }
        if noise > 0 { result = noisy(result) }
        if let quantizer { result = try StillImage.throughJPEG(result, quantizer: quantizer) }
        return result
    }

    private func recolored(_ picture: Tensor) -> Tensor {
        let plane = picture.count / 3
        return Tensor(shape: picture.shape) { target in
            picture.withUnsafeBuffer { source in
                var mean: Float = 0
                for value in source { mean += value }
                mean /= Float(max(source.count, 1))
                for pixel in 0..<plane {
                    var color = SIMD3(
                        source[pixel], source[plane + pixel], source[2 * plane + pixel])
                    color = (color - mean) * contrast + mean
                    color *= gain
                    let gray = (color * SIMD3(0.299, 0.587, 0.114)).sum()
                    color = (color - gray) * saturation + gray
                    color.clamp(
                        lowerBound: SIMD3(repeating: 0), upperBound: SIMD3(repeating: 1))
                    target[pixel] = powf(color.x, gamma)
                    target[plane + pixel] = powf(color.y, gamma)
                    target[2 * plane + pixel] = powf(color.z, gamma)
                }
            }
        }
    }

    /// Gaussian blur, rows and then columns; edges are repeated.
    private func blurred(_ picture: Tensor) -> Tensor {
        let reach = Int((2.5 * blurWidth).rounded(.up))
        var weights = (-reach...reach).map { expf(-Float($0 * $0) / (2 * blurWidth * blurWidth)) }
        let sum = weights.reduce(0, +)
        weights = weights.map { $0 / sum }
        let (height, width) = (picture.shape[1], picture.shape[2])
        func pass(_ input: Tensor, _ step: Int, _ along: (Int) -> Int, _ length: Int) -> Tensor {
            Tensor(shape: input.shape) { target in
                input.withUnsafeBuffer { source in
                    for at in 0..<source.count {
                        let position = along(at)
                        var value: Float = 0
                        for (index, weight) in weights.enumerated() {
                            let other = min(max(position + index - reach, 0), length - 1)
                            value += weight * source[at + (other - position) * step]
                        }
                        target[at] = value
                    }
                }
            }
        }
        let rows = pass(picture, 1, { $0 % width }, width)
        return pass(rows, width, { $0 / width % height }, height)
    }

    private func noisy(_ picture: Tensor) -> Tensor {
        var random = SeededRandom(noiseSeed)
        return Tensor(shape: picture.shape) { target in
            picture.withUnsafeBuffer { source in
                for at in source.indices {
                    // The sum of four evenly spread numbers is near enough to a bell of deviation 1/√3.
                    let bits = random.next()
                    let sum =
                        Float(bits & 0xffff) + Float(bits >> 16 & 0xffff)
                        + Float(bits >> 32 & 0xffff) + Float(bits >> 48)
                    let bell = (sum / 65535 - 2) * 1.7320508
                    target[at] = min(max(source[at] + noise * bell, 0), 1)
                }
            }
        }
    }
}
