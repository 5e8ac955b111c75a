import FathomCore
import FathomDepth
import Glibc

/// A change of a picture's geometry: rotation about the optical axis, crop, size, mirror image.
///
/// Depth along the optical axis is kept by all of them; what changes is the camera. Places are measured from the
/// picture's corner, so that the first pixel's middle is (0.5, 0.5).
package struct PictureWarp: Hashable {
    /// The source's part that is kept: left, top, width, height in its pixels.
    package var left: Double
    package var top: Double
    package var width: Double
    package var height: Double
    /// Pixels of the result.
    package let outputWidth: Int
    package let outputHeight: Int
    /// Radians clockwise by which the picture is turned about `pivot`, before it is cropped.
    package var angle = 0.0
    package var pivotX: Double
    package var pivotY: Double
    /// Left and right are exchanged at the end.
    package var isFlipped = false

    /// The whole of a picture at another size.
    package init(from width: Int, _ height: Int, to outputWidth: Int, _ outputHeight: Int) {
        (left, top) = (0, 0)
        (self.width, self.height) = (Double(width), Double(height))
        (self.outputWidth, self.outputHeight) = (outputWidth, outputHeight)
        (pivotX, pivotY) = (Double(width) / 2, Double(height) / 2)
    }

    /// Source place of a place of the result: x = a·x′ + b·y′ + c, y = d·x′ + e·y′ + f.
    private var inverse: (a: Double, b: Double, c: Double, d: Double, e: Double, f: Double) {
        let across = width / Double(outputWidth) * (isFlipped ? -1 : 1)
        let down = height / Double(outputHeight)
        let startX = (isFlipped ? left + width : left) - pivotX
        let startY = top - pivotY
        let (s, c) = (sin(angle), cos(angle))
        // Turned back about the pivot.
        return (
            c * across, s * down, c * startX + s * startY + pivotX, -s * across, c * down,
            -s * startX + c * startY + pivotY
        )
    }

    /// Whether the result is the source, pixel by pixel.
    func isIdentity(_ sourceWidth: Int, _ sourceHeight: Int) -> Bool {
        angle == 0 && !isFlipped && left == 0 && top == 0 && width == Double(sourceWidth)
            && height == Double(sourceHeight) && outputWidth == sourceWidth
            && outputHeight == sourceHeight
    }

    /// Planes of a C×H×W tensor, averaged over what each pixel of the result covers.
    package func picture(_ source: Tensor) -> Tensor {
        let (channels, rows, columns) = (source.shape[0], source.shape[1], source.shape[2])
        if isIdentity(columns, rows) { return source }
        let map = inverse
        // So many samples in each direction that none of the source's pixels is missed.
        let fineX = min(max(1, Int((width / Double(outputWidth)).rounded(.up))), 16)
        let fineY = min(max(1, Int((height / Double(outputHeight)).rounded(.up))), 16)
        let share = 1 / Float(fineX * fineY)
        let plane = rows * columns
        let outputPlane = outputWidth * outputHeight
        return Tensor(shape: [channels, outputHeight, outputWidth]) { target in
            target.initialize(repeating: 0)
            source.withUnsafeBuffer { values in
                for row in 0..<outputHeight {
                    for column in 0..<outputWidth {
                        let at = row * outputWidth + column
                        for sample in 0..<fineX * fineY {
                            let x =
                                Double(column) + (Double(sample % fineX) + 0.5) / Double(fineX)
                            let y = Double(row) + (Double(sample / fineX) + 0.5) / Double(fineY)
                            let sourceX = map.a * x + map.b * y + map.c - 0.5
                            let sourceY = map.d * x + map.e * y + map.f - 0.5
                            let heldX = min(max(sourceX, 0), Double(columns - 1))
                            let heldY = min(max(sourceY, 0), Double(rows - 1))
                            let (i, j) = (Int(heldX), Int(heldY))
                            let (u, v) = (Float(heldX - Double(i)), Float(heldY - Double(j)))
                            let right = i + 1 < columns ? 1 : 0
                            let below = j + 1 < rows ? columns : 0
                            for channel in 0..<channels {
                                let base = channel * plane + j * columns + i
                                let upper = values[base] * (1 - u) + values[base + right] * u
                                let lower =
                                    values[base + below] * (1 - u)
                                    + values[base + below + right] * u
                                target[channel * outputPlane + at] +=
                                    (upper * (1 - v) + lower * v) * share
                            }
                        }
                    }
                }
            }
        }
    }

    /// An H×W depth: the known value nearest to each pixel's middle within what the pixel covers, so that measurements
    /// of a lidar aren't lost, and none is blended from two; 0 beyond the source.
    package func depth(_ source: Tensor) -> Tensor {
        let (rows, columns) = (source.shape[0], source.shape[1])
        if isIdentity(columns, rows) { return source }
        let map = inverse
        let reachX = max(0, Int((width / Double(outputWidth) / 2).rounded(.down)))
        let reachY = max(0, Int((height / Double(outputHeight) / 2).rounded(.down)))
        var around: [(dx: Int, dy: Int)] = []
        for dy in -min(reachY, 8)...min(reachY, 8) {
            for dx in -min(reachX, 8)...min(reachX, 8) { around.append((dx, dy)) }
        }
        around.sort {
            let (first, second) = ($0.dx * $0.dx + $0.dy * $0.dy, $1.dx * $1.dx + $1.dy * $1.dy)
            return first != second ? first < second : ($0.dy, $0.dx) < ($1.dy, $1.dx)
        }
        return Tensor(shape: [outputHeight, outputWidth]) { target in
            source.withUnsafeBuffer { values in
                for row in 0..<outputHeight {
                    for column in 0..<outputWidth {
                        let (x, y) = (Double(column) + 0.5, Double(row) + 0.5)
                        let sourceX = Int((map.a * x + map.b * y + map.c).rounded(.down))
                        let sourceY = Int((map.d * x + map.e * y + map.f).rounded(.down))
                        var found: Float = 0
                        if sourceX >= 0, sourceY >= 0, sourceX < columns, sourceY < rows {
                            for offset in around {
                                let (i, j) = (sourceX + offset.dx, sourceY + offset.dy)
                                guard i >= 0, j >= 0, i < columns, j < rows else { continue }
                                found = values[j * columns + i]
                                if found != 0 { break }
                            }
                        }
                        target[row * outputWidth + column] = found
                    }
                }
            }
        }
    }

    /// A 2×H×W flow in pixels of the result.
    package func flow(_ source: Tensor) -> Tensor {
        let (rows, columns) = (source.shape[1], source.shape[2])
        if isIdentity(columns, rows) { return source }
        let across = Float(outputWidth) / Float(width) * (isFlipped ? -1 : 1)
        let down = Float(outputHeight) / Float(height)
        let (s, c) = (Float(sin(angle)), Float(cos(angle)))
        let moved = picture(source)
        let plane = outputWidth * outputHeight
        return Tensor(shape: moved.shape) { target in
            moved.withUnsafeBuffer { values in
                for pixel in 0..<plane {
                    let (x, y) = (values[pixel], values[plane + pixel])
                    target[pixel] = (c * x - s * y) * across
                    target[plane + pixel] = (s * x + c * y) * down
                }
            }
        }
    }

    /// The camera of the result. Exact where the pivot is the principal point and pixels are square.
    package func intrinsics(_ camera: CameraIntrinsics) throws(FathomError) -> CameraIntrinsics {
        let across = Double(outputWidth) / width
        let down = Double(outputHeight) / height
        let (s, c) = (sin(angle), cos(angle))
        let (offX, offY) = (camera.cx - pivotX, camera.cy - pivotY)
        let cx = (c * offX - s * offY + pivotX - left) * across
        let cy = (s * offX + c * offY + pivotY - top) * down
        return try CameraIntrinsics(
            width: outputWidth, height: outputHeight, fx: camera.fx * across,
            fy: camera.fy * down, cx: isFlipped ? Double(outputWidth) - cx : cx, cy: cy)
    }

    /// Where a place of the source is in the result.
    package func forward(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
        let (s, c) = (sin(angle), cos(angle))
        let (offX, offY) = (x - pivotX, y - pivotY)
        let placeX = (c * offX - s * offY + pivotX - left) * Double(outputWidth) / width
        let placeY = (s * offX + c * offY + pivotY - top) * Double(outputHeight) / height
        return (isFlipped ? Double(outputWidth) - placeX : placeX, placeY)
    }
}
