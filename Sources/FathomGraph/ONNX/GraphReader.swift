import FathomCore

/// Turns the graphs of an ONNX file into `Graph`s: the main one, the branches of `If`, the bodies of functions.
///
/// A branch reads edges of the graph around it. Here those become inputs of the branch and of its node, so that an
/// `If` depends on what it lists as inputs and on nothing else. A function is put in the place of each call.
struct GraphReader {
    let tensors: TensorReader
    let operatorSet: Int
    private let functions: [String: Onnx_FunctionProto]
    /// Nodes made so far: a small file of functions that call functions could ask for any number.
    private var nodeCount = 0

    /// The most nodes of a file with its functions in place.
    private static let largestNodeCount = 1 << 17
    /// How many branches and functions may lie within each other.
    private static let deepest = 6

    /// Settings that a call gives to the function it calls.
    typealias Settings = [String: Onnx_AttributeProto]

    init(_ model: Onnx_ModelProto, _ tensors: TensorReader) {
        self.tensors = tensors
        operatorSet = Int(clamping: Self.operatorSet(model.opsetImport) ?? 1)
        functions = Dictionary(
            model.functions.map { ("\($0.domain).\($0.name)", $0) }, uniquingKeysWith: { $1 })
    }

    /// The version of ONNX's own operators among those that a model or function uses.
    private static func operatorSet(_ entries: [Onnx_OperatorSetIdProto]) -> Int64? {
        entries.last { $0.domain.isEmpty || $0.domain == "ai.onnx" }?.version
    }

    /// The main graph; `slices` hold the raw data of those initializers whose message does not.
    mutating func graph(
        _ proto: Onnx_GraphProto, slices: [UnsafeRawBufferPointer?]?
    ) throws(FathomError) -> Graph {
        try graph(proto, slices: slices, captured: [], settings: nil, depth: 0)
    }

    private mutating func graph(
        _ proto: Onnx_GraphProto, slices: [UnsafeRawBufferPointer?]?, captured: [String],
        settings: Settings?, depth: Int
    ) throws(FathomError) -> Graph {
        guard proto.sparseInitializer.isEmpty else {
            throw tensors.unsupported("it has sparse initializers, which are not supported")
        }
        var initializers: [String: Value] = [:]
        for (index, tensor) in proto.initializer.enumerated() {
            let value = try tensors.value(
                tensor, "initializer '\(tensor.name)'", slice: slices?[index])
            guard initializers.updateValue(value, forKey: tensor.name) == nil else {
                throw tensors.error("two initializers are named '\(tensor.name)'")
            }
        }
        var inputs = captured.map { ValueInfo(name: $0, dimensions: nil) }
        // Files of the first ONNX versions list the weights among the inputs.
        for input in proto.input where initializers[input.name] == nil {
            inputs.append(try ValueInfo(input, tensors))
        }
        var outputs: [ValueInfo] = []
        for output in proto.output {
            // A branch need not say what its outputs are.
            outputs.append(
                depth > 0
                    ? ValueInfo(name: output.name, dimensions: nil)
                    : try ValueInfo(output, tensors))
        }
        let nodes = try nodes(proto.node, settings, depth)
        return try Graph(
            name: tensors.model, inputs: inputs, outputs: outputs, nodes: nodes,
            initializers: initializers, operatorSet: operatorSet)
    }

    private mutating func nodes(
        _ protos: [Onnx_NodeProto], _ settings: Settings?, _ depth: Int
    ) throws(FathomError) -> [Node] {
        guard depth <= Self.deepest else {
            throw tensors.error("its branches and functions lie too deep within each other")
        }
        var nodes: [Node] = []
        for proto in protos {
            nodeCount += 1
            guard nodeCount <= Self.largestNodeCount else {
                throw tensors.error("it has more than \(Self.largestNodeCount) nodes")
            }
            if let function = functions["\(proto.domain).\(proto.opType)"] {
                nodes += try call(function, proto, settings, depth)
            } else {
                nodes.append(try node(proto, settings, depth))
            }
        }
        return nodes
    }

    private mutating func node(
        _ proto: Onnx_NodeProto, _ settings: Settings?, _ depth: Int
    ) throws(FathomError) -> Node {
        let name = proto.name.isEmpty ? (proto.output.first ?? "") : proto.name
        guard proto.domain.isEmpty || proto.domain == "ai.onnx" || proto.isKnownContribution else {
            throw tensors.unsupported(
                "node '\(name)' uses the operator '\(proto.opType)' of the domain '\(proto.domain)', which Fathom does not have"
            )
        }
        var inputs = proto.input
        var attributes: [String: Attribute] = [:]
        var branches: [(String, Onnx_GraphProto)] = []
        for stated in proto.attribute {
            var attribute = stated
            if !stated.refAttrName.isEmpty {
                guard let given = settings?[stated.refAttrName] else { continue }
                attribute = given
            }
            if attribute.hasG, attribute.type == .graph {
                branches.append((stated.name, attribute.g))
                continue
            }
            let subject = "attribute '\(stated.name)' of node '\(name)' (\(proto.opType))"
            attributes[stated.name] = try Attribute(attribute, tensors, subject)
        }
        if !branches.isEmpty {
            guard proto.opType == "If" else {
                throw tensors.unsupported(
                    "node '\(name)' uses the operator '\(proto.opType)', which Fathom does not have"
                )
            }
            let captured = Set(branches.flatMap { $1.freeNames(depth: 0) }).sorted()
            inputs += captured
            for (key, branch) in branches {
                attributes[key] = .graph(
                    try graph(
                        branch, slices: nil, captured: captured, settings: settings,
                        depth: depth + 1))
            }
        }
        return Node(
            proto.opType, name: name, inputs: inputs, outputs: proto.output,
            attributes: attributes)
    }

    /// The nodes of a function, under names that belong to this call.
    private mutating func call(
        _ function: Onnx_FunctionProto, _ proto: Onnx_NodeProto, _ settings: Settings?,
        _ depth: Int
    ) throws(FathomError) -> [Node] {
        let subject = "function '\(function.name)' called by node '\(proto.name)'"
        guard proto.input.count <= function.input.count,
            proto.output.count <= function.output.count
        else { throw tensors.error("\(subject) has fewer inputs or outputs than the call") }
        if let version = Self.operatorSet(function.opsetImport), version != operatorSet {
            throw tensors.unsupported(
                "\(subject) follows operator set \(version), the model \(operatorSet)")
        }
        var given: Settings = [:]
        for attribute in function.attributeProto { given[attribute.name] = attribute }
        for attribute in proto.attribute {
            if attribute.refAttrName.isEmpty {
                given[attribute.name] = attribute
            } else {
                given[attribute.name] = settings?[attribute.refAttrName]
            }
        }
        var renamed: [String: String] = [:]
        for (index, name) in function.input.enumerated() {
            renamed[name] = index < proto.input.count ? proto.input[index] : ""
        }
        var copies: [Node] = []
        for (index, name) in function.output.enumerated() where index < proto.output.count {
            // An input handed on as an output.
            if let source = renamed[name] {
                copies.append(
                    Node("Identity", inputs: [source], outputs: [proto.output[index]]))
            } else {
                renamed[name] = proto.output[index]
            }
        }
        let prefix = "\(proto.output.first ?? proto.name)/\(function.name)"
        var body = try nodes(function.node, given, depth + 1)
        for index in body.indices {
            func local(_ name: String) -> String {
                name.isEmpty ? name : renamed[name] ?? "\(prefix)/\(name)"
            }
            body[index].inputs = body[index].inputs.map(local)
            body[index].outputs = body[index].outputs.map(local)
            body[index].name = "\(prefix)/\(body[index].name)"
        }
        return body + copies.filter { !$0.outputs[0].isEmpty }
    }
}

extension Onnx_NodeProto {
    /// Operators of ONNX Runtime's domain that mean what the one of the same name in ONNX means.
    fileprivate var isKnownContribution: Bool { domain == "com.microsoft" && opType == "Gelu" }
}

extension Onnx_GraphProto {
    /// The edges that a branch reads but does not define; nothing below the depth that the reader refuses anyway.
    fileprivate func freeNames(depth: Int) -> Set<String> {
        guard depth < 8 else { return [] }
        var defined = Set(initializer.map(\.name))
        defined.formUnion(input.map(\.name))
        var read = Set(output.map(\.name))
        for node in node {
            read.formUnion(node.input)
            defined.formUnion(node.output)
            for attribute in node.attribute where attribute.hasG {
                read.formUnion(attribute.g.freeNames(depth: depth + 1))
            }
        }
        return read.subtracting(defined).subtracting([""])
    }
}

extension ValueInfo {
    fileprivate init(_ info: Onnx_ValueInfoProto, _ reader: TensorReader) throws(FathomError) {
        guard info.hasType, case .tensorType(let tensor)? = info.type.value else {
            throw reader.unsupported("'\(info.name)' is not a tensor")
        }
        name = info.name
        type = try reader.elementType(tensor.elemType, "'\(info.name)'")
        guard tensor.hasShape else {
            dimensions = nil
            return
        }
        dimensions = tensor.shape.dim.map { dimension in
            switch dimension.value {
            case .dimValue(let length)? where length > 0: .fixed(Int(length))
            case .dimParam(let name)? where !name.isEmpty: .named(name)
            default: .unknown
            }
        }
    }
}

extension Attribute {
    fileprivate init(
        _ attribute: Onnx_AttributeProto, _ reader: TensorReader, _ subject: String
    ) throws(FathomError) {
        switch attribute.kind {
        case .int: self = .integer(Int(attribute.i))
        case .float: self = .float(attribute.f)
        case .string: self = .string(String(decoding: attribute.s, as: UTF8.self))
        case .ints: self = .integers(attribute.ints.map(Int.init))
        case .floats: self = .floats(attribute.floats)
        case .strings:
            self = .strings(attribute.strings.map { String(decoding: $0, as: UTF8.self) })
        case .tensor: self = .tensor(try reader.value(attribute.t, subject))
        case .undefined, .graph, .tensors, .graphs:
            throw reader.unsupported("\(subject) is of a kind that is not supported")
        }
    }
}

extension Onnx_AttributeProto {
    /// The type; files of the first ONNX versions do not state it, and have only one field set.
    fileprivate var kind: AttributeType {
        if hasType, type != .undefined { return type }
        if hasF { return .float }
        if hasI { return .int }
        if hasS { return .string }
        if hasT { return .tensor }
        if !floats.isEmpty { return .floats }
        if !ints.isEmpty { return .ints }
        return strings.isEmpty ? .undefined : .strings
    }
}
