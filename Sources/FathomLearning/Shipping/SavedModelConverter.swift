import FathomCore
import FathomGraph

/// Converts a graph's nodes to TensorFlow's.
struct SavedModelConverter {
    private(set) var tensorFlow = TensorFlowGraph()
    private let graph: Graph
    /// TensorFlow's node for each edge; of four axes as N×H×W×C.
    private var nodes: [String: String] = [:]
    /// Where an axis of four is there.
    private static let axes = [0, 3, 1, 2]

    init(_ graph: Graph) { self.graph = graph }

    mutating func convert() throws(FathomError) -> [SavedModel.Port] {
        var ports: [SavedModel.Port] = []
        for input in graph.inputs {
            let shape = try shape(input)
            let place = tensorFlow.node(
                "Placeholder", [], ["dtype": .type(.float), "shape": .shape(shape)], type: nil,
                near: input.name)
            nodes[input.name] = shape.count == 4 ? transposed(place, [0, 2, 3, 1]) : place
            ports.append(.init(name: input.name, node: place, shape: shape, isInput: true))
        }
        for node in graph.nodes {
            guard let output = node.outputs.first else { continue }
            nodes[output] = try convert(node)
        }
        for output in graph.outputs {
            let shape = try shape(output)
            let value = try edge(output.name)
            let node = shape.count == 4 ? transposed(value, [0, 3, 1, 2]) : value
            ports.append(.init(name: output.name, node: node, shape: shape, isInput: false))
        }
        return ports
    }

    private func shape(_ port: ValueInfo) throws(FathomError) -> [Int] {
        guard let dimensions = port.dimensions, port.type == .float else {
            throw failure("'\(port.name)' is no tensor of floats with a known number of axes")
        }
        return dimensions.map { if case .fixed(let length) = $0 { length } else { -1 } }
    }

    private mutating func convert(_ node: Node) throws(FathomError) -> String {
        switch node.operation {
        case "Conv": return try convolution(node)
        case "ConvTranspose": return try transposedConvolution(node)
        case "BatchNormalization": return try batchNorm(node)
        case "Clip": return try clip(node)
        case "Concat": return try concatenation(node)
        case "Slice": return try slice(node)
        case "Resize": return try resize(node)
        case "MaxPool": return try maximum(node)
        case "GlobalAveragePool":
            let axes = tensorFlow.constant([1, 2])
            return tensorFlow.node(
                "Mean", [try input(node, 0), axes],
                ["keep_dims": .truth(true), "Tidx": .type(.int32)])
        case "Shape": return try shapeOf(node)
        case "Expand": return try expand(node)
        default: break
        }
        if let name = Self.unary[node.operation] {
            return tensorFlow.node(name, [try input(node, 0)], near: node.outputs[0])
        }
        guard let name = Self.binary[node.operation], node.inputs.count == 2 else {
            throw failure("the operator \(node.operation) has no counterpart here")
        }
        return tensorFlow.node(
            name, [try input(node, 0), try input(node, 1)], near: node.outputs[0])
    }

    private static let unary = [
        "Relu": "Relu", "Sigmoid": "Sigmoid", "Tanh": "Tanh", "Softplus": "Softplus",
        "Identity": "Identity", "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Abs": "Abs",
        "Neg": "Neg", "Elu": "Elu",
    ]
    private static let binary = [
        "Add": "AddV2", "Sub": "Sub", "Mul": "Mul", "Div": "RealDiv", "Max": "Maximum",
        "Min": "Minimum",
    ]
}

/// Layers with weights.
extension SavedModelConverter {
    private mutating func convolution(_ node: Node) throws(FathomError) -> String {
        let weights = try tensor(node, 1)
        guard weights.shape.rank == 4 else { throw failure("'\(node.name)' isn't of two axes") }
        let strides = integers(node, "strides", [1, 1])
        let dilations = integers(node, "dilations", [1, 1])
        let groups = integer(node, "group", 1)
        let x = try padded(node, try input(node, 0))
        var settings: [String: TensorFlowGraph.Setting] = [
            "strides": .integers([1, strides[0], strides[1], 1]), "padding": .text("VALID"),
        ]
        let result: String
        if groups == 1 {
            settings["dilations"] = .integers([1, dilations[0], dilations[1], 1])
            let filter = tensorFlow.constant(weights.permuted([2, 3, 1, 0]), near: node.inputs[1])
            result = tensorFlow.node("Conv2D", [x, filter], settings, near: node.outputs[0])
        } else if weights.shape[1] == 1, weights.shape[0] % groups == 0 {
            // TensorFlow's depthwise kernel for CPUs knows no dilation: the filter gets zeros in between.
            let wide = weights.dilated(dilations[0], dilations[1])
            let factor = weights.shape[0] / groups
            let filter = wide.reshaped(to: [groups, factor, wide.shape[2], wide.shape[3]])
                .permuted([2, 3, 0, 1])
            let constant = tensorFlow.constant(filter, near: node.inputs[1])
            result = tensorFlow.node(
                "DepthwiseConv2dNative", [x, constant], settings, near: node.outputs[0])
        } else {
            throw failure("'\(node.name)' is a convolution of \(groups) groups")
        }
        guard node.inputs.count > 2, !node.inputs[2].isEmpty else { return result }
        let bias = tensorFlow.constant(try tensor(node, 2), near: node.inputs[2])
        return tensorFlow.node("BiasAdd", [result, bias])
    }

    private mutating func transposedConvolution(_ node: Node) throws(FathomError) -> String {
        let weights = try tensor(node, 1)
        let strides = integers(node, "strides", [1, 1])
        let pads = integers(node, "pads", [0, 0, 0, 0])
        let extra = integers(node, "output_padding", [0, 0])
        guard weights.shape.rank == 4, integer(node, "group", 1) == 1,
            integers(node, "dilations", [1, 1]) == [1, 1]
        else { throw failure("'\(node.name)' is a transposed convolution with groups or rates") }
        let x = try input(node, 0)
        // The output's sides: stride · (side − 1) + kernel − pads + extra.
        let sides = tensorFlow.node(
            "AddV2",
            [
                tensorFlow.node(
                    "Mul", [sides(x), tensorFlow.constant(strides)], type: .int32),
                tensorFlow.constant(
                    (0..<2).map {
                        weights.shape[2 + $0] - strides[$0] - pads[$0] - pads[$0 + 2] + extra[$0]
                    }),
            ], type: .int32)
        let batch = strided(shape(x), begin: [0], end: [1], type: .int32)
        let size = joined(
            [batch, sides, tensorFlow.constant([weights.shape[1]])], axis: 0, type: .int32)
        let filter = tensorFlow.constant(weights.permuted([2, 3, 1, 0]), near: node.inputs[1])
        let result = tensorFlow.node(
            "Conv2DBackpropInput", [size, filter, x],
            [
                "strides": .integers([1, strides[0], strides[1], 1]), "padding": .text("EXPLICIT"),
                "explicit_paddings": .integers(
                    [
                        0, 0, pads[0], max(pads[2] - extra[0], 0), pads[1],
                        max(pads[3] - extra[1], 0),
                    ]
                        + [0, 0]),
            ], near: node.outputs[0])
        guard node.inputs.count > 2, !node.inputs[2].isEmpty else { return result }
        let bias = tensorFlow.constant(try tensor(node, 2), near: node.inputs[2])
        return tensorFlow.node("BiasAdd", [result, bias])
    }

    private mutating func batchNorm(_ node: Node) throws(FathomError) -> String {
        let (scale, shift) = (try tensor(node, 1), try tensor(node, 2))
        let (mean, variance) = (try tensor(node, 3), try tensor(node, 4))
        var epsilon: Float = 1e-5
        if case .float(let stated)? = node.attributes["epsilon"] { epsilon = stated }
        let factors = zip(scale.values, variance.values).map { $0 / ($1 + epsilon).squareRoot() }
        let offsets = zip(shift.values, zip(mean.values, factors)).map { $0 - $1.0 * $1.1 }
        let factor = tensorFlow.constant(Tensor(shape: scale.shape, values: factors))
        let offset = tensorFlow.constant(Tensor(shape: scale.shape, values: offsets))
        let scaled = tensorFlow.node("Mul", [try input(node, 0), factor])
        return tensorFlow.node("AddV2", [scaled, offset], near: node.outputs[0])
    }

    private mutating func maximum(_ node: Node) throws(FathomError) -> String {
        let kernel = integers(node, "kernel_shape", [])
        let strides = integers(node, "strides", [1, 1])
        guard kernel.count == 2, integer(node, "ceil_mode", 0) == 0,
            integers(node, "dilations", [1, 1]) == [1, 1]
        else { throw failure("'\(node.name)' is an unusual MaxPool") }
        let x = try padded(node, try input(node, 0), filling: -.greatestFiniteMagnitude)
        return tensorFlow.node(
            "MaxPool", [x],
            [
                "ksize": .integers([1, kernel[0], kernel[1], 1]),
                "strides": .integers([1, strides[0], strides[1], 1]), "padding": .text("VALID"),
            ])
    }

    private mutating func padded(
        _ node: Node, _ x: String, filling: Float = 0
    ) throws(FathomError) -> String {
        let pads = integers(node, "pads", [0, 0, 0, 0])
        if case .string(let text)? = node.attributes["auto_pad"], text != "NOTSET" {
            throw failure("'\(node.name)' has auto_pad \(text)")
        }
        guard pads.count == 4, pads.contains(where: { $0 > 0 }) else { return x }
        let amounts = tensorFlow.constant(
            [0, 0, pads[0], pads[2], pads[1], pads[3], 0, 0], shape: [4, 2])
        let fill = tensorFlow.constant(Tensor(shape: [], values: [filling]))
        return tensorFlow.node(
            "PadV2", [x, amounts, fill], ["Tpaddings": .type(.int32)])
    }
}

/// What moves, joins and resizes.
extension SavedModelConverter {
    private mutating func clip(_ node: Node) throws(FathomError) -> String {
        let x = try input(node, 0)
        func limit(_ index: Int) -> Float? {
            guard index < node.inputs.count else { return nil }
            return graph.initializers[node.inputs[index]]?.floatValues.first
        }
        let (low, high) = (limit(1), limit(2))
        if low == 0, high == 6 { return tensorFlow.node("Relu6", [x]) }
        var result = x
        if let low {
            let constant = tensorFlow.constant(Tensor(shape: [], values: [low]))
            result = tensorFlow.node("Maximum", [result, constant])
        }
        if let high {
            let constant = tensorFlow.constant(Tensor(shape: [], values: [high]))
            result = tensorFlow.node("Minimum", [result, constant])
        }
        return result
    }

    private mutating func concatenation(_ node: Node) throws(FathomError) -> String {
        var parts: [String] = []
        for index in node.inputs.indices { parts.append(try input(node, index)) }
        if lists.contains(node.outputs[0]) { return joined(parts, axis: 0, type: .int32) }
        let axis = integer(node, "axis", 0)
        guard (0..<4).contains(axis) else { throw failure("'\(node.name)' joins axis \(axis)") }
        return joined(parts, axis: Self.axes[axis], type: .float)
    }

    private mutating func slice(_ node: Node) throws(FathomError) -> String {
        func list(_ index: Int) -> [Int]? {
            guard index < node.inputs.count else { return nil }
            return graph.initializers[node.inputs[index]]?.integerValues
        }
        guard let starts = list(1), let ends = list(2), let axes = list(3),
            starts.count == axes.count, ends.count == axes.count,
            axes.allSatisfy((0..<4).contains)
        else { throw failure("'\(node.name)' slices by numbers that depend on the data") }
        let x = try input(node, 0)
        if lists.contains(node.outputs[0]) {
            return strided(x, begin: starts, end: ends, type: .int32)
        }
        var (begin, end, steps) = ([0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1])
        for (index, axis) in axes.enumerated() {
            begin[Self.axes[axis]] = starts[index]
            end[Self.axes[axis]] = ends[index]
            steps[Self.axes[axis]] = list(4)?[index] ?? 1
        }
        let whole = Set(0..<4).subtracting(axes.map { Self.axes[$0] })
        return strided(
            x, begin: begin, end: end, steps: steps, whole: whole.reduce(0) { $0 | 1 << $1 },
            type: .float)
    }

    private mutating func resize(_ node: Node) throws(FathomError) -> String {
        let x = try input(node, 0)
        guard case .string("linear")? = node.attributes["mode"], node.inputs.count > 2,
            let scales = graph.initializers[node.inputs[2]]?.floatValues, scales.count == 4,
            scales[0] == 1, scales[1] == 1, scales[2] >= 1, scales[3] >= 1,
            scales.allSatisfy({ $0 < 1024 && $0 == $0.rounded() })
        else { throw failure("'\(node.name)' isn't linear by whole factors") }
        var mode = "half_pixel"
        if case .string(let text)? = node.attributes["coordinate_transformation_mode"] {
            mode = text
        }
        guard ["half_pixel", "align_corners", "pytorch_half_pixel"].contains(mode) else {
            throw failure("'\(node.name)' has coordinates \(mode)")
        }
        let factors = tensorFlow.constant(scales[2...].map { Int($0) })
        let size = tensorFlow.node("Mul", [sides(x), factors], type: .int32)
        return tensorFlow.node(
            "ResizeBilinear", [x, size],
            [
                "align_corners": .truth(mode == "align_corners"),
                "half_pixel_centers": .truth(mode != "align_corners"),
            ], near: node.outputs[0])
    }

    /// The lengths of N×C×H×W.
    private mutating func shapeOf(_ node: Node) throws(FathomError) -> String {
        let order = tensorFlow.constant(Self.axes)
        let axis = tensorFlow.constant([0], shape: [])
        return tensorFlow.node(
            "GatherV2", [shape(try input(node, 0)), order, axis],
            ["Tparams": .type(.int32), "Tindices": .type(.int32), "Taxis": .type(.int32)],
            type: nil)
    }

    private mutating func expand(_ node: Node) throws(FathomError) -> String {
        let x = try input(node, 0)
        let order = tensorFlow.constant([0, 2, 3, 1])
        let axis = tensorFlow.constant([0], shape: [])
        let target = tensorFlow.node(
            "GatherV2", [try input(node, 1), order, axis],
            ["Tparams": .type(.int32), "Tindices": .type(.int32), "Taxis": .type(.int32)],
            type: nil)
        let both = tensorFlow.node("BroadcastArgs", [shape(x), target], type: .int32)
        return tensorFlow.node("BroadcastTo", [x, both], ["Tidx": .type(.int32)])
    }
}

/// Small parts.
extension SavedModelConverter {
    /// Edges that hold lengths, not features.
    private var lists: Set<String> {
        var found: Set<String> = []
        for node in graph.nodes
        where node.operation == "Shape" || node.inputs.contains(where: found.contains) {
            if ["Shape", "Slice", "Concat"].contains(node.operation) {
                found.formUnion(node.outputs)
            }
        }
        return found
    }

    private func failure(_ cause: String) -> FathomError {
        FathomError(
            operation: "export", subject: "model \(graph.name) to a SavedModel", cause: cause,
            remedy: "Export it as ONNX")
    }

    private func edge(_ name: String) throws(FathomError) -> String {
        guard let node = nodes[name] else { throw failure("'\(name)' is not computed") }
        return node
    }

    private mutating func input(_ node: Node, _ index: Int) throws(FathomError) -> String {
        guard index < node.inputs.count else {
            throw failure("'\(node.name)' lacks input \(index)")
        }
        let name = node.inputs[index]
        if let known = nodes[name] { return known }
        guard let value = graph.initializers[name] else {
            throw failure("'\(name)' is not computed")
        }
        let result: String
        switch value {
        case .integers(let list): result = tensorFlow.constant(list.values.map { Int($0) })
        case .floats(let tensor), .typed(let tensor, _):
            // What is broadcast over N×C×H×W has its axes behind.
            let rank = tensor.shape.rank
            guard rank <= 4 else { throw failure("'\(name)' has \(rank) axes") }
            let whole = Array(repeating: 1, count: 4 - rank) + tensor.shape.dimensions
            let moved =
                rank == 0
                ? tensor : tensor.reshaped(to: Shape(whole)).permuted([0, 2, 3, 1])
            result = tensorFlow.constant(moved, near: name)
        }
        nodes[name] = result
        return result
    }

    private func tensor(_ node: Node, _ index: Int) throws(FathomError) -> Tensor {
        guard index < node.inputs.count,
            let tensor = graph.initializers[node.inputs[index]]?.tensor
        else { throw failure("the weights of '\(node.name)' are not constant") }
        return tensor
    }

    private func integers(_ node: Node, _ name: String, _ fallback: [Int]) -> [Int] {
        if case .integers(let list)? = node.attributes[name] { list } else { fallback }
    }

    private func integer(_ node: Node, _ name: String, _ fallback: Int) -> Int {
        if case .integer(let value)? = node.attributes[name] { value } else { fallback }
    }

    private mutating func transposed(_ x: String, _ order: [Int]) -> String {
        tensorFlow.node(
            "Transpose", [x, tensorFlow.constant(order)], ["Tperm": .type(.int32)])
    }

    private mutating func shape(_ x: String) -> String {
        tensorFlow.node("Shape", [x], ["out_type": .type(.int32)])
    }

    /// Height and width of N×H×W×C.
    private mutating func sides(_ x: String) -> String {
        strided(shape(x), begin: [1], end: [3], type: .int32)
    }

    private mutating func joined(
        _ parts: [String], axis: Int, type: TensorFlowGraph.DataType
    ) -> String {
        tensorFlow.node(
            "ConcatV2", parts + [tensorFlow.constant([axis], shape: [])],
            ["N": .number(parts.count), "Tidx": .type(.int32)], type: type)
    }

    private mutating func strided(
        _ x: String, begin: [Int], end: [Int], steps: [Int]? = nil, whole: Int = 0,
        type: TensorFlowGraph.DataType
    ) -> String {
        let operands = [begin, end, steps ?? begin.map { _ in 1 }].map { tensorFlow.constant($0) }
        return tensorFlow.node(
            "StridedSlice", [x] + operands,
            [
                "Index": .type(.int32), "begin_mask": .number(whole), "end_mask": .number(whole),
            ], type: type)
    }
}

extension Tensor {
    /// The axes in another order.
    fileprivate func permuted(_ order: [Int]) -> Tensor {
        let target = Shape(order.map { shape[$0] })
        let steps = order.map { shape.strides[$0] }
        var values: [Float] = []
        values.reserveCapacity(count)
        withUnsafeBuffer { source in
            func append(_ axis: Int, _ offset: Int) {
                guard axis < order.count else { return values.append(source[offset]) }
                for index in 0..<target[axis] { append(axis + 1, offset + index * steps[axis]) }
            }
            append(0, 0)
        }
        return Tensor(shape: target, values: values)
    }

    /// A filter with zeros between its rows and columns.
    fileprivate func dilated(_ down: Int, _ across: Int) -> Tensor {
        guard down > 1 || across > 1, count > 0 else { return self }
        let (rows, columns) = ((shape[2] - 1) * down + 1, (shape[3] - 1) * across + 1)
        let result = Tensor(shape: [shape[0], shape[1], rows, columns])
        let area = shape[2] * shape[3]
        withUnsafeBuffer { source in
            result.withUnsafeMutableBuffer { target in
                for (index, value) in source.enumerated() {
                    let (plane, place) = (index / area, index % area)
                    let (row, column) = (place / shape[3] * down, place % shape[3] * across)
                    target[(plane * rows + row) * columns + column] = value
                }
            }
        }
        return result
    }
}
