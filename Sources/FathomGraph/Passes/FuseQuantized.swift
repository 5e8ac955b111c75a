import FathomCore

extension GraphPass {
    /// Replaces operators between `DequantizeLinear` and `QuantizeLinear` by the same on whole numbers of 8 bits.
    ///
    /// What reads dequantized tensors and is quantized again is computed without leaving whole numbers: convolutions,
    /// additions, functions of one number, interpolation, padding, greatest numbers and concatenations. Results agree
    /// to the rounding of halves.
    static let fuseQuantized = GraphPass(name: "fuse-quantized") {
        (graph, shapes) throws(FathomError) in
        guard graph.nodes.contains(where: { $0.operation == "DequantizeLinear" }) else {
            return graph
        }
        var fusion = QuantizedFusion(graph)
        for index in graph.nodes.indices { try fusion.fuse(index) }
        let fused = try removeDeadNodes.rewrite(fusion.result, shapes).verified()
        return try addingResiduals(fused, shapes)
    }

    /// Takes an addition into the convolution before it, where nothing else reads what lies between.
    private static func addingResiduals(
        _ graph: Graph, _ shapes: [String: Shape]
    ) throws(FathomError) -> Graph {
        let facts = try graph.facts(inputShapes: shapes)
        let readers = graph.readerCounts
        var writers: [String: Int] = [:]
        for (index, node) in graph.nodes.enumerated() { writers[node.outputs[0]] = index }
        var nodes: [Node?] = graph.nodes
        for (index, node) in graph.nodes.enumerated()
        where node.operation == QuantizedName.addition && node.inputs[0] != node.inputs[3] {
            // The later of two convolutions, so that the other's result is there.
            let sources = [0, 3].compactMap { place -> (place: Int, writer: Int)? in
                guard readers[node.inputs[place]] == 1, let writer = writers[node.inputs[place]],
                    let source = nodes[writer], source.operation == QuantizedName.convolution,
                    source.inputs.count == 9,
                    facts[node.inputs[0]]?.shape == facts[node.inputs[3]]?.shape
                else { return nil }
                return (place, writer)
            }
            guard let (place, writer) = sources.max(by: { $0.writer < $1.writer }),
                var fused = nodes[writer]
            else { continue }
            let other = place == 0 ? 3 : 0
            fused.inputs += node.inputs[other..<other + 3] + node.inputs[6..<8]
            fused.outputs = node.outputs
            fused.attributes["sumLow"] = node.attributes["low"]
            fused.attributes["sumHigh"] = node.attributes["high"]
            nodes[writer] = nil
            nodes[index] = fused
        }
        var result = graph
        result.nodes = nodes.compactMap { $0 }
        return result
    }
}

/// A tensor of 8-bit numbers, and the edges of its scale and zero.
private struct QuantizedEdge {
    let name: String
    let scale: String
    let zero: String
    let rule: (scale: Float, zero: Int, type: ElementType)
}

private struct QuantizedFusion {
    private let graph: Graph
    private let kept: Set<String>
    private var writers: [String: Int] = [:]
    private var readers: [String: [Int]] = [:]
    private var nodes: [[Node]]
    private var initializers: [String: Value]

    init(_ graph: Graph) {
        self.graph = graph
        kept = Set(graph.outputs.map(\.name))
        nodes = graph.nodes.map { [$0] }
        initializers = graph.initializers
        for (index, node) in graph.nodes.enumerated() {
            for output in node.outputs where !output.isEmpty { writers[output] = index }
            for input in Set(node.inputs) where !input.isEmpty {
                readers[input, default: []].append(index)
            }
        }
    }

    var result: Graph {
        var result = graph
        result.nodes = nodes.flatMap { $0 }
        result.initializers = initializers
        return result
    }

    // MARK: What is known of edges

    private func constant(_ name: String) -> Value? {
        if let value = initializers[name] { return value }
        guard let writer = writers[name], graph.nodes[writer].operation == "Constant",
            case .tensor(let value)? = graph.nodes[writer].attributes["value"]
        else { return nil }
        return value
    }

    /// The scale and zero of a node that quantizes or dequantizes a whole tensor with constants.
    private mutating func edge(_ node: Node, tensor: String) -> QuantizedEdge? {
        guard let scale = constant(node.inputs[1])?.tensor, scale.count == 1,
            scale.values[0] > 0, scale.values[0].isFinite, node.attributes["block_size"] == nil
        else { return nil }
        var zero = node.inputs.count > 2 ? node.inputs[2] : ""
        if zero.isEmpty {
            guard node.attributes["output_dtype"] == nil else { return nil }
            zero = "fathom#zero"
            initializers[zero] = .integers(IntegerTensor(shape: [], values: [0], type: .uint8))
        }
        guard let value = constant(zero), value.shape.count == 1,
            value.type.byteRange != nil
        else { return nil }
        return QuantizedEdge(
            name: tensor, scale: node.inputs[1], zero: zero,
            rule: (scale.values[0], value.integerValues[0], value.type))
    }

    /// The 8-bit tensor of which an edge is the dequantized form.
    private mutating func dequantized(_ name: String) -> QuantizedEdge? {
        guard let writer = writers[name], graph.nodes[writer].operation == "DequantizeLinear",
            constant(graph.nodes[writer].inputs[0]) == nil
        else { return nil }
        return edge(graph.nodes[writer], tensor: graph.nodes[writer].inputs[0])
    }

    /// The node that alone reads an edge.
    private func onlyReader(_ name: String) -> Node? {
        guard !kept.contains(name), let list = readers[name], list.count == 1 else { return nil }
        return graph.nodes[list[0]]
    }

    /// The `QuantizeLinear` behind an edge, and the functions of one number between.
    private mutating func quantizer(
        after name: String
    ) throws(FathomError) -> (edge: QuantizedEdge, limits: ClosedRange<Int>)? {
        var limits: (Float, Float) = (-.infinity, .infinity)
        var name = name
        while let reader = onlyReader(name) {
            if reader.operation == "QuantizeLinear", reader.inputs[0] == name,
                let edge = edge(reader, tensor: reader.outputs[0]),
                let range = edge.rule.type.byteRange
            {
                func whole(_ x: Float) -> Int {
                    quantized(x / edge.rule.scale, zero: edge.rule.zero, within: range)
                }
                return (edge, whole(limits.0)...whole(limits.1))
            }
            guard let (low, high) = try clip(reader), low <= high else { return nil }
            limits = (min(max(limits.0, low), high), min(max(limits.1, low), high))
            name = reader.outputs[0]
        }
        return nil
    }

    private func clip(_ node: Node) throws(FathomError) -> (Float, Float)? {
        guard ["Clip", "Relu"].contains(node.operation), let function = try function(node),
            case .clip(let low, let high) = function
        else { return nil }
        return (low, high)
    }

    /// The function of one number that a node is, if its settings are constant.
    private func function(_ node: Node) throws(FathomError) -> UnaryFunction? {
        guard Operator.table[node.operation]?.lowering == .unary else { return nil }
        let settings = node.inputs.dropFirst().map { $0.isEmpty ? nil : constant($0) }
        for (name, value) in zip(node.inputs.dropFirst(), settings)
        where !name.isEmpty && value == nil { return nil }
        let facts = [Fact([1])] + settings.map { $0.map(Fact.init(constant:)) }
        return try UnaryFunction(Operands(node, facts, operatorSet: graph.operatorSet))
    }

    /// Puts nodes that write a quantized edge in the place of the node that quantized.
    private mutating func replace(_ edge: QuantizedEdge, _ made: [Node]) {
        guard let writer = writers[edge.name] else { return }
        nodes[writer] = made
    }

    // MARK: Rewriting

    mutating func fuse(_ index: Int) throws(FathomError) {
        let node = graph.nodes[index]
        switch node.operation {
        case "Conv": try fuseConvolution(node)
        case "Add": try fuseAddition(node)
        case "Concat": try fuseConcatenation(node)
        case "QuantizeLinear": try fuseChain(node)
        default: break
        }
    }

    private static func limits(
        _ limits: ClosedRange<Int>, _ type: ElementType
    ) -> [String: Attribute] {
        limits == type.byteRange
            ? [:]
            : ["low": .integer(limits.lowerBound), "high": .integer(limits.upperBound)]
    }

    private mutating func fuseConvolution(_ node: Node) throws(FathomError) {
        guard let input = dequantized(node.inputs[0]), let (weights, factors) = weights(node),
            let (output, limits) = try quantizer(after: node.outputs[0])
        else { return }
        var bias = ""
        if node.inputs.count > 2, !node.inputs[2].isEmpty {
            let units = factors.map { $0 * input.rule.scale }
            guard let name = wholeBias(node.inputs[2], units, node.outputs[0]) else { return }
            bias = name
        }
        let fused = Node(
            QuantizedName.convolution, name: node.name,
            inputs: [
                input.name, input.scale, input.zero, weights.name, weights.scale, weights.zero,
                output.scale, output.zero, bias,
            ], outputs: [output.name],
            attributes: node.attributes.merging(Self.limits(limits, output.rule.type)) { $1 })
        replace(output, [fused])
    }

    /// The 8-bit weights of a convolution, and the scale of each output channel (or one for all).
    private mutating func weights(
        _ node: Node
    ) -> (edge: (name: String, scale: String, zero: String), factors: [Float])? {
        guard let writer = writers[node.inputs[1]] else { return nil }
        let source = graph.nodes[writer]
        guard source.operation == "DequantizeLinear", source.attributes["block_size"] == nil,
            let value = constant(source.inputs[0]), value.type == .int8, value.shape.rank > 2,
            let scale = constant(source.inputs[1])?.tensor,
            scale.values.allSatisfy({ $0 > 0 && $0.isFinite })
        else { return nil }
        var zero = source.inputs.count > 2 ? source.inputs[2] : ""
        if zero.isEmpty {
            zero = "fathom#weightZero"
            initializers[zero] = .integers(IntegerTensor(shape: [], values: [0], type: .int8))
        }
        var axis = 1
        if case .integer(let stated)? = source.attributes["axis"] { axis = stated }
        guard let zeros = constant(zero)?.integerValues, zeros.allSatisfy({ $0 == 0 }),
            scale.count == 1
                || (scale.count == value.shape[0] && (axis == 0 || axis == -value.shape.rank))
        else { return nil }
        return ((source.inputs[0], source.inputs[1], zero), scale.values)
    }

    /// The bias in units of the sums: as it is stored where it has these units, else rounded to them.
    private mutating func wholeBias(_ name: String, _ units: [Float], _ prefix: String) -> String? {
        func unit(_ index: Int) -> Float { units[units.count == 1 ? 0 : index] }
        if let writer = writers[name], graph.nodes[writer].operation == "DequantizeLinear",
            let stored = constant(graph.nodes[writer].inputs[0]), stored.type == .int32,
            let scale = constant(graph.nodes[writer].inputs[1])?.tensor,
            scale.count == units.count,
            scale.values.indices.allSatisfy({ abs(scale.values[$0] - unit($0)) <= 1e-5 * unit($0) }
            ),
            graph.nodes[writer].inputs.count < 3
                || constant(graph.nodes[writer].inputs[2])?.integerValues.allSatisfy({ $0 == 0 })
                    == true
        {
            return graph.nodes[writer].inputs[0]
        }
        guard let real = realBias(name), units.count == 1 || units.count == real.count else {
            return nil
        }
        let limit = Float(1 << 30)
        let whole = real.indices.map { index in
            (real[index] / unit(index)).rounded(.toNearestOrEven)
        }
        guard whole.allSatisfy({ $0 > -limit && $0 < limit }) else { return nil }
        let made = "\(prefix)#bias"
        initializers[made] = .integers(
            IntegerTensor(shape: [whole.count], values: whole.map { Int64($0) }, type: .int32))
        return made
    }

    /// The numbers of a constant bias, perhaps dequantized.
    private func realBias(_ name: String) -> [Float]? {
        if let value = constant(name)?.tensor { return value.values }
        guard let writer = writers[name], graph.nodes[writer].operation == "DequantizeLinear" else {
            return nil
        }
        let node = graph.nodes[writer]
        let values = node.inputs.map { $0.isEmpty ? nil : constant($0) }
        guard values[0] != nil, values[1] != nil,
            let results = try? Operator.table["DequantizeLinear"]?.evaluate(
                Operands(node, values, operatorSet: graph.operatorSet))
        else { return nil }
        return results[0].tensor?.values
    }

    private mutating func fuseAddition(_ node: Node) throws(FathomError) {
        guard let left = dequantized(node.inputs[0]), let right = dequantized(node.inputs[1]),
            let (output, limits) = try quantizer(after: node.outputs[0])
        else { return }
        let fused = Node(
            QuantizedName.addition, name: node.name,
            inputs: [
                left.name, left.scale, left.zero, right.name, right.scale, right.zero,
                output.scale, output.zero,
            ], outputs: [output.name], attributes: Self.limits(limits, output.rule.type))
        replace(output, [fused])
    }

    private mutating func fuseConcatenation(_ node: Node) throws(FathomError) {
        guard let (output, limits) = try quantizer(after: node.outputs[0]),
            limits == output.rule.type.byteRange
        else { return }
        var made: [Node] = []
        var inputs: [String] = []
        for (index, name) in node.inputs.enumerated() {
            guard let input = dequantized(name),
                let table = try table(input, [], output)
            else { return }
            inputs.append(
                map(input, table, output, named: "\(output.name)#\(index)", into: &made))
        }
        made.append(
            Node(
                QuantizedName.concatenation, name: node.name, inputs: inputs,
                outputs: [output.name], attributes: node.attributes))
        replace(output, made)
    }

    /// Operators with one operand between `DequantizeLinear` and this `QuantizeLinear`.
    private mutating func fuseChain(_ node: Node) throws(FathomError) {
        guard let output = edge(node, tensor: node.outputs[0]) else { return }
        var functions: [Node] = []
        var movers: [Node] = []
        var name = node.inputs[0]
        var source = dequantized(name)
        while source == nil {
            guard let writer = writers[name], onlyReader(name) != nil else { return }
            let link = graph.nodes[writer]
            if try function(link) != nil {
                functions.insert(link, at: 0)
            } else if isMover(link) {
                movers.insert(link, at: 0)
            } else {
                return
            }
            name = link.inputs[0]
            source = dequantized(name)
        }
        guard let input = source, let table = try table(input, functions, output) else { return }
        // What interpolates or compares is the same before and after a function only if that changes nothing.
        let isPlain = table.isIdentity && functions.isEmpty
        guard isPlain || movers.allSatisfy(onlyMoves) else { return }
        guard !functions.isEmpty || !movers.isEmpty || !table.isIdentity else { return }
        var made: [Node] = []
        let last = movers.isEmpty ? output.name : "\(output.name)#map"
        var edge = map(input, table, output, named: last, into: &made)
        if movers.isEmpty, edge != last {
            made.append(Node("Identity", inputs: [edge], outputs: [last]))
        }
        for (index, mover) in movers.enumerated() {
            var moved = mover
            moved.operation =
                QuantizedName.moved.first { $0.1 == mover.operation }?.0 ?? mover.operation
            moved.inputs[0] = edge
            edge = index == movers.count - 1 ? output.name : "\(output.name)#\(index)"
            moved.outputs = [edge]
            made.append(moved)
        }
        replace(output, made)
    }

    private func isMover(_ node: Node) -> Bool {
        guard node.outputs.count == 1 else { return false }
        func text(_ name: String) -> String {
            if case .string(let value)? = node.attributes[name] { value } else { "" }
        }
        switch node.operation {
        case "MaxPool": return true
        case "Pad": return ["reflect", "edge", "wrap"].contains(text("mode"))
        case "Resize":
            return text("mode") != "cubic"
                && text("coordinate_transformation_mode") != "tf_crop_and_resize"
        default: return false
        }
    }

    /// Whether each number that a mover writes is one that it read.
    private func onlyMoves(_ node: Node) -> Bool {
        if node.operation == "Pad" { return true }
        guard node.operation == "Resize" else { return false }
        if case .string(let mode)? = node.attributes["mode"] { return mode == "nearest" }
        return true
    }

    // MARK: Tables

    private struct Table {
        let value: Value
        let isIdentity: Bool
    }

    /// The whole number that each whole number of the input becomes.
    private func table(
        _ input: QuantizedEdge, _ functions: [Node], _ output: QuantizedEdge
    ) throws(FathomError) -> Table? {
        guard let range = input.rule.type.byteRange,
            let results = output.rule.type.byteRange
        else { return nil }
        var real = Value.floats(
            Tensor(
                shape: [256],
                values: range.map { Float($0 - input.rule.zero) * input.rule.scale }))
        for node in functions {
            guard let entry = Operator.table[node.operation] else { return nil }
            let settings = node.inputs.dropFirst().map { $0.isEmpty ? nil : constant($0) }
            real = try entry.evaluate(
                Operands(node, [real] + settings, operatorSet: graph.operatorSet))[0]
        }
        let whole = real.floatValues.map {
            quantized($0 / output.rule.scale, zero: output.rule.zero, within: results)
        }
        return Table(
            value: .integers(
                IntegerTensor(
                    shape: [256], values: whole.map(Int64.init), type: output.rule.type)),
            isIdentity: input.rule.type == output.rule.type && whole == Array(range))
    }

    /// Adds a `fathom.QuantizedMap` unless it would change nothing; gives the edge to read.
    private mutating func map(
        _ input: QuantizedEdge, _ table: Table, _ output: QuantizedEdge, named name: String,
        into made: inout [Node]
    ) -> String {
        if table.isIdentity { return input.name }
        let values = "\(name)#table"
        initializers[values] = table.value
        made.append(
            Node(QuantizedName.map, inputs: [input.name, values], outputs: [name]))
        return name
    }
}
