import FathomCore
import FathomGraph

/// Pictures seen from elsewhere.
extension LossBuilder {
    /// The picture's size, which positions of pixels need.
    func size(_ kind: LossTerm.Kind) throws(FathomError) -> PixelSize {
        guard let size = edges.size else {
            throw FathomError(
                operation: "build", subject: "the loss \(kind.rawValue)",
                cause: "it needs pictures of one known size", remedy: "State data: size")
        }
        return size
    }

    /// The columns' numbers, 1×1×1×W, and the rows', 1×1×H×1: pixels' centres are whole numbers.
    mutating func pixels(_ size: PixelSize) -> (x: String, y: String) {
        let columns = Tensor(
            shape: [1, 1, 1, size.width], values: (0..<size.width).map { Float($0) })
        let rows = Tensor(
            shape: [1, 1, size.height, 1], values: (0..<size.height).map { Float($0) })
        return (graph.constant(columns, near: "columns"), graph.constant(rows, near: "rows"))
    }

    /// A picture, N×C×H×W, read at positions in pixels, N×1×H×W each: bilinear, beyond the border its last pixels.
    mutating func sample(_ picture: String, x: String, y: String, _ size: PixelSize) -> String {
        // GridSample counts from −1 at the outer edge of the first pixel to 1 at that of the last.
        func position(_ edge: String, _ length: Int) -> String {
            let scaled = graph.multiply(edge, 2 / Float(length))
            return graph.add(scaled, 1 / Float(length) - 1)
        }
        let both = graph.concatenate(
            [position(x, size.width), position(y, size.height)], axis: 1)
        let grid = graph.node("Transpose", [both], ["perm": .integers([0, 2, 3, 1])])
        return graph.node(
            "GridSample", [picture, grid],
            [
                "mode": .string("bilinear"), "padding_mode": .string("border"),
                "align_corners": .integer(0),
            ])
    }

    /// Depth in metres of what the network gives, 1 km at most for inverse depth.
    mutating func metres(_ prediction: String) -> String {
        switch edges.interface.learns {
        case .inverseDepth: reciprocal(graph.add(prediction, 1e-3))
        case .depth: prediction
        case .logDepth: graph.node("Exp", [prediction])
        }
    }

    /// One number of each picture's camera, N×1×1×1: 0 fx, 1 fy, 2 cx, 3 cy.
    mutating func intrinsic(_ index: Int) -> String { number("intrinsics", index) }

    /// A column of N×K as N×1×1×1.
    mutating func number(_ edge: String, _ index: Int) -> String {
        let column = graph.slice(edge, axes: [1], from: [index], to: [index + 1])
        return graph.node("Reshape", [column, graph.constant([-1, 1, 1, 1])])
    }
}

/// A rigid motion of points, N×1×1×1 each.
struct RigidMotion {
    /// Row-major.
    var rotation: [String]
    var translation: [String]
}

extension LossBuilder {
    /// The motion of six numbers for each picture, N×6: half a rotation's axis times its tangent (Gibbs' vector), and a
    /// translation in metres. Rational, so that it needs no sine, and a rotation for any numbers.
    mutating func motion(_ pose: String) -> RigidMotion {
        let v = (0..<3).map { number(pose, $0) }
        let squares = v.map { square($0) }
        let norm = graph.add(graph.add(graph.add(squares[0], squares[1]), squares[2]), 1)
        // R = I + 2 ([v]× + [v]×²) / (1 + |v|²)
        var rotation: [String] = []
        for row in 0..<3 {
            for column in 0..<3 {
                if row == column {
                    let others = (0..<3).filter { $0 != row }.map { squares[$0] }
                    let turned = graph.multiply(graph.add(others[0], others[1]), -2)
                    rotation.append(graph.add(graph.divide(turned, norm), 1))
                } else {
                    let product = graph.multiply(v[row], v[column])
                    let axis = v[3 - row - column]
                    let isPositive = (column - row + 3) % 3 == 2
                    let sum =
                        isPositive ? graph.add(product, axis) : graph.subtract(product, axis)
                    rotation.append(graph.divide(graph.multiply(sum, 2), norm))
                }
            }
        }
        return RigidMotion(rotation: rotation, translation: (3..<6).map { number(pose, $0) })
    }

    /// Where the pixels of this picture, `depth` metres away, are seen after a motion, in pixels.
    mutating func reproject(
        _ depth: String, _ motion: RigidMotion, _ size: PixelSize
    ) -> (x: String, y: String) {
        let (columns, rows) = pixels(size)
        let focal = (intrinsic(0), intrinsic(1))
        let center = (intrinsic(2), intrinsic(3))
        let point = [
            graph.multiply(depth, graph.divide(graph.subtract(columns, center.0), focal.0)),
            graph.multiply(depth, graph.divide(graph.subtract(rows, center.1), focal.1)), depth,
        ]
        let moved = (0..<3).map { row in
            var sum = motion.translation[row]
            for column in 0..<3 {
                sum = graph.add(
                    sum, graph.multiply(motion.rotation[3 * row + column], point[column]))
            }
            return sum
        }
        // What came behind the camera is seen far outside.
        let distance = atLeast(0.01, moved[2])
        func seen(_ axis: Int, _ focal: String, _ center: String) -> String {
            graph.add(graph.multiply(graph.divide(moved[axis], distance), focal), center)
        }
        return (seen(0, focal.0, center.0), seen(1, focal.1, center.1))
    }
}
