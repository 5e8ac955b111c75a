import FathomCore
import FathomGraph

/// Learning without depth: another picture, seen from here as the prediction says, should look like this one.
extension LossBuilder {
    /// The mean over pixels of the least difference among the other pictures (Godard et al. 2017 for stereo, 2019 for
    /// video: minimum reprojection; pixels that look best unmoved don't learn). Coarser scales are compared at full size.
    mutating func photometric(_ scale: Scale, _ term: LossTerm) throws(FathomError) -> String {
        let size = try size(.photometric)
        let prediction = enlarged(scale)
        let picture = colors(edges.image)
        switch term.views {
        case .stereo:
            let warped = otherEye(prediction, size)
            return graph.mean(appearance(warped, picture, term))
        case .monocular:
            let depth = metres(prediction)
            var errors: [String] = []
            for source in ["previous", "next"] {
                let pose = pose(from: edges.image, to: source)
                let (x, y) = reproject(depth, motion(pose), size)
                let other = colors(source)
                errors.append(appearance(sample(other, x: x, y: y, size), picture, term))
                if term.masksStill { errors.append(appearance(other, picture, term)) }
            }
            return graph.mean(
                errors.dropFirst().reduce(errors[0]) { graph.node("Min", [$0, $1]) })
        }
    }

    private mutating func enlarged(_ scale: Scale) -> String {
        guard scale.factor > 1 else { return scale.prediction }
        let side = Float(scale.factor)
        let scales = graph.constant(Tensor(shape: [4], values: [1, 1, side, side]), near: "scales")
        return graph.node(
            "Resize", [scale.prediction, "", scales],
            ["mode": .string("linear"), "coordinate_transformation_mode": .string("half_pixel")])
    }

    /// The other eye's picture from here: a point is seen fx · baseline / depth further left by an eye on the right.
    private mutating func otherEye(_ prediction: String, _ size: PixelSize) -> String {
        let (columns, rows) = pixels(size)
        let inverse =
            edges.interface.learns == .inverseDepth
            ? prediction : reciprocal(atLeast(0.01, metres(prediction)))
        let shift = graph.multiply(intrinsic(0), number("baseline", 0))
        let x = graph.subtract(columns, graph.multiply(inverse, shift))
        // Rows repeated to the shape of the columns.
        let y = graph.add(graph.multiply(x, 0), rows)
        return sample(colors("otherEye"), x: x, y: y, size)
    }

    /// α · dissimilarity of windows + (1 − α) |difference|, the mean over colours: N×1×H×W.
    private mutating func appearance(_ x: String, _ y: String, _ term: LossTerm) -> String {
        let pixels = graph.mean(absolute(graph.subtract(x, y)), axes: [1])
        let windows = graph.mean(dissimilarity(x, y, range: 1), axes: [1])
        return graph.add(
            graph.multiply(windows, term.ssimShare), graph.multiply(pixels, 1 - term.ssimShare))
    }

    /// The camera's motion between two pictures, N×6: the pose network of SfMLearner (Zhou et al. 2017), seven
    /// convolutions of stride 2 and a mean over all positions, times 0.01, so that it begins near no motion.
    private mutating func pose(from first: String, to second: String) -> String {
        let name = "pose from \(first) to \(second)"
        if graph.graph.nodes.contains(where: { $0.outputs == [name] }) { return name }
        var net = LayerBuilder(graph, seed: seed, initialization: .xavier)
        var x = net.concatenate([
            Features(edge: first, channels: 3), Features(edge: second, channels: 3),
        ])
        for (layer, channels) in [16, 32, 64, 128, 256, 256, 256].enumerated() {
            let kernel = layer == 0 ? 7 : layer == 1 ? 5 : 3
            x = net.relu(
                net.convolution("pose.\(layer)", x, channels, kernel: kernel, stride: 2))
        }
        x = net.convolution("pose.head", x, 6, kernel: 1)
        graph = net.graph
        parameters += net.parameters
        let average = graph.node("GlobalAveragePool", [x.edge])
        let flat = graph.node("Reshape", [average, graph.constant([-1, 6])])
        return graph.node("Mul", [flat, graph.constant(0.01 as Float)], name: name)
    }
}
