import FathomCore
import Foundation
import SwiftProtobuf

extension Graph {
    /// The bytes of an ONNX file of this graph: its operator set, names and metadata are kept, all data is inside.
    ///
    /// - Throws: when a node cannot be written (`Operator.export` says why) or the file would be beyond the 2 GiB that
    ///   protobuf allows.
    public func onnxBytes() throws(FathomError) -> [UInt8] {
        let size = initializers.values.reduce(0) { $0 + $1.shape.count * $1.type.bits / 8 }
        guard size < Self.largestFileSize else {
            throw error(
                "its weights take \(size >> 20) MiB, more than an ONNX file holds",
                operation: "export")
        }
        var model = Onnx_ModelProto()
        model.irVersion = Self.formatVersion(operatorSet: operatorSet)
        model.producerName = "fathom"
        var entry = Onnx_OperatorSetIdProto()
        entry.domain = ""
        entry.version = Int64(operatorSet)
        model.opsetImport = [entry]
        model.metadataProps = metadata.sorted { $0.key < $1.key }.map { key, value in
            var entry = Onnx_StringStringEntryProto()
            entry.key = key
            entry.value = value
            return entry
        }
        model.graph = try Onnx_GraphProto(self)
        do {
            return try model.serializedBytes()
        } catch let cause {
            throw error("it does not fit an ONNX file (\(cause))", operation: "export")
        }
    }

    /// The first version of the file format in which an operator set may be used; the specification's table
    /// "Released Versions". Version 4 is the first in which weights need not be inputs, too.
    private static func formatVersion(operatorSet: Int) -> Int64 {
        switch operatorSet {
        case ...9: 4
        case 10: 5
        case 11: 6
        case 12...14: 7
        case 15...18: 8
        case 19...20: 9
        case 21...22: 10
        case 23: 11
        case 24: 12
        default: 13
        }
    }
}

/// What edges are called in the file: a branch's own get a prefix, since in ONNX it sees the names of the graph around.
private struct Scope {
    var prefix = ""
    var renamed: [String: String] = [:]

    func name(_ edge: String) -> String {
        edge.isEmpty ? edge : renamed[edge] ?? prefix + edge
    }

    /// The scope of a branch of an `If`, whose inputs are the node's after the condition.
    func branch(_ name: String, _ branch: Graph, of node: Node) -> Scope {
        let outer = node.inputs.dropFirst().map(self.name)
        return Scope(
            prefix: "\(self.name(node.outputs.first { !$0.isEmpty } ?? node.name))/\(name)/",
            renamed: Dictionary(
                zip(branch.inputs.map(\.name), outer), uniquingKeysWith: { first, _ in first }))
    }
}

extension Onnx_GraphProto {
    fileprivate init(_ graph: Graph) throws(FathomError) {
        try self.init(graph, Scope())
        input = graph.inputs.map(Onnx_ValueInfoProto.init)
        output = graph.outputs.map(Onnx_ValueInfoProto.init)
    }

    /// A graph or a branch; the latter says no more of its outputs than their names.
    fileprivate init(_ graph: Graph, _ scope: Scope) throws(FathomError) {
        self.init()
        name = graph.name
        for node in graph.nodes { self.node.append(try Onnx_NodeProto(node, graph, scope)) }
        initializer = graph.initializers.sorted { $0.key < $1.key }.map { name, value in
            TensorWriter.tensor(value, name: scope.name(name))
        }
        output = graph.outputs.map { info in
            var proto = Onnx_ValueInfoProto()
            proto.name = scope.name(info.name)
            return proto
        }
    }
}

extension Onnx_ValueInfoProto {
    fileprivate init(_ info: ValueInfo) {
        self.init()
        name = info.name
        var tensor = Onnx_TypeProto.Tensor()
        tensor.elemType = info.type.onnxCode
        if let dimensions = info.dimensions {
            tensor.shape.dim = dimensions.map { dimension in
                var proto = Onnx_TensorShapeProto.Dimension()
                switch dimension {
                case .fixed(let length): proto.dimValue = Int64(length)
                case .named(let name): proto.dimParam = name
                case .unknown: break
                }
                return proto
            }
            // A scalar has a shape, too: one without axes.
            if dimensions.isEmpty { tensor.shape = Onnx_TensorShapeProto() }
        }
        type.tensorType = tensor
    }
}

extension Onnx_NodeProto {
    fileprivate init(_ node: Node, _ graph: Graph, _ scope: Scope) throws(FathomError) {
        self.init()
        switch Operator.table[node.operation]?.export {
        case .sameName: break
        case .absent(let reason)?:
            throw graph.error(
                "node '\(node.name)' (\(node.operation)) cannot be written: \(reason)",
                operation: "export")
        case nil:
            throw graph.error(
                "node '\(node.name)' uses the unknown operator '\(node.operation)'",
                operation: "export")
        }
        name = scope.prefix + node.name
        opType = node.operation
        // What a branch reads is not listed in a file.
        input = (node.operation == "If" ? Array(node.inputs.prefix(1)) : node.inputs).map(
            scope.name)
        output = node.outputs.map(scope.name)
        for (name, value) in node.attributes.sorted(by: { $0.key < $1.key }) {
            if case .graph(let branch) = value {
                var proto = Onnx_AttributeProto()
                proto.name = name
                proto.type = .graph
                proto.g = try Onnx_GraphProto(branch, scope.branch(name, branch, of: node))
                attribute.append(proto)
            } else {
                attribute.append(Onnx_AttributeProto(name, value))
            }
        }
    }
}

extension Onnx_AttributeProto {
    fileprivate init(_ name: String, _ value: Attribute) {
        self.init()
        self.name = name
        switch value {
        case .integer(let value):
            type = .int
            i = Int64(value)
        case .float(let value):
            type = .float
            f = value
        case .string(let value):
            type = .string
            s = Data(value.utf8)
        case .integers(let values):
            type = .ints
            ints = values.map(Int64.init)
        case .floats(let values):
            type = .floats
            floats = values
        case .strings(let values):
            type = .strings
            strings = values.map { Data($0.utf8) }
        case .tensor(let value):
            type = .tensor
            t = TensorWriter.tensor(value)
        case .graph:
            // Its names depend on where it stands: `Onnx_NodeProto` writes it.
            break
        }
    }
}
