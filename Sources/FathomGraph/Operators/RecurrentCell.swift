import FathomCore
import Glibc

/// A function of a gate of a recurrent network.
package struct RecurrentFunction: Hashable, Sendable {
    /// ONNX's name of it.
    package let name: String
    /// Its first setting, if it has one.
    package let alpha: Float
    /// Its second setting, if it has one.
    package let beta: Float

    /// Names, and the settings they have when a file states none.
    private static let known: [String: (alpha: Float?, beta: Float?)] = [
        "Sigmoid": (nil, nil), "Tanh": (nil, nil), "Relu": (nil, nil), "Softsign": (nil, nil),
        "Softplus": (nil, nil), "Affine": (1, 0), "LeakyRelu": (0.01, nil),
        "ThresholdedRelu": (1, nil), "ScaledTanh": (1, 1), "HardSigmoid": (0.2, 0.5),
        "Elu": (1, nil),
    ]

    /// The functions of a node, one list a direction.
    static func list(
        _ node: Node, _ kind: Recurrence.Kind, directions: Int
    ) throws(FathomError) -> [[RecurrentFunction]] {
        let usual: [String] =
            switch kind {
            case .rnn: ["Tanh"]
            case .gru: ["Sigmoid", "Tanh"]
            case .lstm: ["Sigmoid", "Tanh", "Tanh"]
            }
        let names =
            try node.strings("activations")
            ?? Array(
                repeating: usual, count: directions
            ).flatMap { $0 }
        guard names.count == directions * usual.count else {
            throw node.error("it names \(names.count) functions, not \(directions * usual.count)")
        }
        var alphas = (try node.floats("activation_alpha") ?? [])[...]
        var betas = (try node.floats("activation_beta") ?? [])[...]
        var functions: [RecurrentFunction] = []
        for name in names {
            guard
                let (canonical, defaults) = known.first(where: {
                    $0.key.lowercased() == name.lowercased()
                })
            else { throw node.error("the function '\(name)' is unknown") }
            // Settings are listed for those functions only that have them.
            let alpha = defaults.alpha.map { alphas.popFirst() ?? $0 }
            let beta = defaults.beta.map { betas.popFirst() ?? $0 }
            functions.append(
                RecurrentFunction(name: canonical, alpha: alpha ?? 0, beta: beta ?? 0))
        }
        return (0..<directions).map {
            Array(functions[$0 * usual.count..<($0 + 1) * usual.count])
        }
    }

    func callAsFunction(_ value: Double) -> Double {
        let (a, b) = (Double(alpha), Double(beta))
        switch name {
        case "Sigmoid": return 1 / (1 + exp(-value))
        case "Tanh": return tanh(value)
        case "Relu": return max(0, value)
        case "Softsign": return value / (1 + abs(value))
        case "Softplus": return value > 30 ? value : log1p(exp(value))
        case "Affine": return a * value + b
        case "LeakyRelu": return value < 0 ? a * value : value
        case "ThresholdedRelu": return value > a ? value : 0
        case "ScaledTanh": return a * tanh(b * value)
        case "HardSigmoid": return min(max(a * value + b, 0), 1)
        default: return value < 0 ? a * expm1(value) : value
        }
    }
}

/// One step of one direction of a recurrent network.
struct RecurrentCell {
    private let network: Recurrence
    private let functions: [RecurrentFunction]
    private let weights: ArraySlice<Float>
    private let recurrentWeights: ArraySlice<Float>
    private let bias: [Float]
    private let peepholes: [Float]

    init(
        _ network: Recurrence, _ direction: Int, _ operands: Operands<Value>
    ) throws(FathomError) {
        self.network = network
        functions = network.functions[direction]
        func part(_ values: [Float], _ count: Int) -> ArraySlice<Float> {
            values[direction * count..<(direction + 1) * count]
        }
        let rows = network.kind.gates * network.hidden
        weights = part(try operands.tensor(1).values, rows * network.input)
        recurrentWeights = part(try operands.tensor(2).values, rows * network.hidden)
        bias =
            operands.optional(3).map { Array(part($0.floatValues, 2 * rows)) }
            ?? Array(repeating: 0, count: 2 * rows)
        peepholes =
            operands.optional(7).map { Array(part($0.floatValues, 3 * network.hidden)) }
            ?? Array(repeating: 0, count: 3 * network.hidden)
    }

    private func product(
        _ matrix: ArraySlice<Float>, _ row: Int, _ vector: some RandomAccessCollection<Float>
    ) -> Double {
        let start = matrix.startIndex + row * vector.count
        return zip(matrix[start..<start + vector.count], vector).reduce(0) {
            $0 + Double($1.0) * Double($1.1)
        }
    }

    private func limited(_ value: Double) -> Double {
        min(max(value, -Double(network.clip)), Double(network.clip))
    }

    /// W·x + R·state + both biases for one row of the gates.
    private func gate(_ row: Int, _ x: ArraySlice<Float>, _ state: [Float]) -> Double {
        product(weights, row, x) + product(recurrentWeights, row, state) + Double(bias[row])
            + Double(bias[bias.count / 2 + row])
    }

    /// Takes the state (and an LSTM's cells) over one step.
    func advance(_ x: ArraySlice<Float>, _ state: inout [Float], _ cells: inout [Float]) {
        switch network.kind {
        case .rnn:
            state = state.indices.map { Float(functions[0](limited(gate($0, x, state)))) }
        case .gru: advanceGated(x, &state)
        case .lstm: advanceCells(x, &state, &cells)
        }
    }

    private func advanceGated(_ x: ArraySlice<Float>, _ state: inout [Float]) {
        let hidden = network.hidden
        let update = (0..<hidden).map { functions[0](limited(gate($0, x, state))) }
        let reset = (0..<hidden).map { functions[0](limited(gate(hidden + $0, x, state))) }
        let kept = zip(reset, state).map { Float($0 * Double($1)) }
        let old = state
        for index in 0..<hidden {
            let row = 2 * hidden + index
            let recurrent = Double(bias[bias.count / 2 + row])
            var sum = product(weights, row, x) + Double(bias[row])
            sum +=
                network.resetsAfterProduct
                ? reset[index] * (product(recurrentWeights, row, old) + recurrent)
                : product(recurrentWeights, row, kept) + recurrent
            let new = functions[1](limited(sum))
            state[index] = Float((1 - update[index]) * new + update[index] * Double(old[index]))
        }
    }

    private func advanceCells(
        _ x: ArraySlice<Float>, _ state: inout [Float], _ cells: inout [Float]
    ) {
        let hidden = network.hidden
        let old = state
        for index in 0..<hidden {
            func peephole(_ gate: Int, _ cell: Double) -> Double {
                Double(peepholes[gate * hidden + index]) * cell
            }
            let cell = Double(cells[index])
            let input = functions[0](limited(gate(index, x, old) + peephole(0, cell)))
            let forget =
                network.couplesGates
                ? 1 - input
                : functions[0](limited(gate(2 * hidden + index, x, old) + peephole(2, cell)))
            let new = functions[1](limited(gate(3 * hidden + index, x, old)))
            let memory = forget * cell + input * new
            let output = functions[0](
                limited(gate(hidden + index, x, old) + peephole(1, memory)))
            cells[index] = Float(memory)
            state[index] = Float(output * functions[2](memory))
        }
    }
}
