import FathomCore

/// Turns a picture of numbers into a network's normalised planes, with the resampling that video pictures get.
struct TensorPreparer {
    private let across: ResamplingTable
    private let down: ResamplingTable
    private let mean: [Float]
    private let std: [Float]

    /// A preparer of 3×H×W pictures to `width` × `height`.
    init(picture: Shape, width: Int, height: Int, mean: [Float], std: [Float]) {
        across = ResamplingTable(
            source: picture[2], count: width, scale: Double(picture[2]) / Double(width))
        down = ResamplingTable(
            source: picture[1], count: height, scale: Double(picture[1]) / Double(height))
        self.mean = mean
        self.std = std
    }

    /// Writes the three planes at the content's place, and luma in 0…1 (BT.709) without gaps.
    func prepare(
        _ picture: Tensor, into planes: UnsafeMutableBufferPointer<Float>,
        geometry: NetworkGeometry, brightness: UnsafeMutableBufferPointer<Float>
    ) {
        let (height, width) = (picture.shape[1], picture.shape[2])
        let luma: [Float] = [0.2126, 0.7152, 0.0722]
        var row = [Float](repeating: 0, count: width)
        brightness.update(repeating: 0)
        picture.withUnsafeBuffer { source in
            for channel in 0..<3 {
                for y in 0..<down.count {
                    for x in 0..<width { row[x] = 0 }
                    for k in 0..<down.taps {
                        let weight = down.weights[y * down.taps + k]
                        guard weight != 0 else { continue }
                        let start = (channel * height + Int(down.first[y]) + k) * width
                        for x in 0..<width { row[x] += weight * source[start + x] }
                    }
                    let start =
                        (channel * geometry.inputHeight + y + geometry.contentY)
                        * geometry.inputWidth + geometry.contentX
                    for x in 0..<across.count {
                        var value: Float = 0
                        for k in 0..<across.taps {
                            value +=
                                across.weights[x * across.taps + k] * row[Int(across.first[x]) + k]
                        }
                        planes[start + x] = (value - mean[channel]) / std[channel]
                        brightness[y * across.count + x] += luma[channel] * value
                    }
                }
            }
        }
    }
}
