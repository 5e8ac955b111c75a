import FathomCore

/// What an `RNN`, `GRU` or `LSTM` node computes, read once.
///
/// ONNX layout: X is length×batch×input, W is directions×(gates·hidden)×input, R is directions×(gates·hidden)×hidden;
/// with `layout` 1 the batch comes first in X, Y and the states.
package struct Recurrence: Sendable {
    /// Which of the three.
    package enum Kind: String, Sendable {
        /// One gate: the new state.
        case rnn = "RNN"
        /// Gates z (update), r (reset), h (new state).
        case gru = "GRU"
        /// Gates i (input), o (output), f (forget), c (new cell).
        case lstm = "LSTM"

        var gates: Int {
            switch self {
            case .rnn: 1
            case .gru: 3
            case .lstm: 4
            }
        }
    }

    /// Which of the three.
    package let kind: Kind
    /// Steps.
    package let length: Int
    /// Sequences.
    package let batch: Int
    /// Numbers of a step.
    package let input: Int
    /// Numbers of a state.
    package let hidden: Int
    /// Whether each direction goes back in time.
    package let reversed: [Bool]
    /// Whether the batch is the first axis.
    package let isBatchFirst: Bool
    /// Gates are limited to ± this number before their function.
    package let clip: Float
    /// GRU: whether the reset gate applies after the product.
    package let resetsAfterProduct: Bool
    /// LSTM: whether the forget gate is 1 − the input gate.
    package let couplesGates: Bool
    /// The functions, three of each direction at most.
    package let functions: [[RecurrentFunction]]

    /// Checks a node against the facts of its inputs.
    package init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        guard let kind = Kind(rawValue: node.operation) else {
            throw node.error("it is no recurrent network")
        }
        self.kind = kind
        let x = try operands.floating(0)
        let (w, r) = (try operands.floating(1), try operands.floating(2))
        let direction = try node.string(
            "direction", default: "forward", allowed: ["forward", "reverse", "bidirectional"])
        reversed =
            direction == "bidirectional" ? [false, true] : [direction == "reverse"]
        isBatchFirst = try node.flag("layout")
        guard x.rank == 3, w.rank == 3, r.rank == 3 else {
            throw node.error("\(x), \(w) and \(r) are not what it wants")
        }
        length = x[isBatchFirst ? 1 : 0]
        batch = x[isBatchFirst ? 0 : 1]
        input = x[2]
        hidden = r[2]
        let rows = kind.gates * hidden
        guard w.dimensions == [reversed.count, rows, input],
            r.dimensions == [reversed.count, rows, hidden],
            try node.integer("hidden_size", default: hidden) == hidden
        else { throw node.error("its weights \(w) and \(r) do not fit its input \(x)") }
        let state =
            isBatchFirst ? [batch, reversed.count, hidden] : [reversed.count, batch, hidden]
        let wanted: [(Int, [Int])] = [
            (3, [reversed.count, 2 * rows]), (4, [batch]), (5, state), (6, state),
            (7, [reversed.count, 3 * hidden]),
        ]
        for (index, shape) in wanted {
            guard let given = operands.optional(index)?.shape, given.dimensions != shape else {
                continue
            }
            throw node.error("its input \(index) is \(given.dimensions), not \(shape)")
        }
        clip = try node.float("clip", default: .infinity)
        guard clip > 0 else { throw node.error("its clip is \(clip)") }
        resetsAfterProduct = try node.flag("linear_before_reset")
        couplesGates = try node.flag("input_forget")
        functions = try RecurrentFunction.list(node, kind, directions: reversed.count)
    }

    /// The shapes of all states, of the last ones, and of an LSTM's last cells.
    func facts(_ node: Node) throws(FathomError) -> [Fact] {
        let all =
            isBatchFirst
            ? [batch, length, reversed.count, hidden] : [length, reversed.count, batch, hidden]
        let last =
            isBatchFirst ? [batch, reversed.count, hidden] : [reversed.count, batch, hidden]
        let state = Fact(try node.shape(last))
        return [Fact(try node.shape(all)), state] + (kind == .lstm ? [state] : [])
    }

    /// Where a state lies among those of all directions and sequences.
    private func place(_ direction: Int, _ sequence: Int) -> Int {
        (isBatchFirst ? sequence * reversed.count + direction : direction * batch + sequence)
            * hidden
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> [Value] {
        let node = operands.node
        let shapes = try facts(node).map(\.shape)
        let x = try operands.tensor(0).values
        let lengths = operands.optional(4)?.integerValues
        if let lengths, !lengths.allSatisfy({ (0...length).contains($0) }) {
            throw node.error("its lengths of sequences do not fit \(length) steps")
        }
        var all = [Float](repeating: 0, count: shapes[0].count)
        let zeros = [Float](repeating: 0, count: shapes[1].count)
        var states = operands.optional(5)?.floatValues ?? zeros
        var cells = operands.optional(6)?.floatValues ?? zeros
        for direction in reversed.indices {
            let cell = try RecurrentCell(self, direction, operands)
            for sequence in 0..<batch {
                let first = place(direction, sequence)
                var state = Array(states[first..<first + hidden])
                var memory = Array(cells[first..<first + hidden])
                let steps = lengths?[sequence] ?? length
                for index in 0..<steps {
                    let step = reversed[direction] ? steps - 1 - index : index
                    let start = (isBatchFirst ? sequence * length + step : step * batch + sequence)
                    cell.advance(x[start * input..<(start + 1) * input], &state, &memory)
                    let target =
                        isBatchFirst
                        ? (sequence * length + step) * reversed.count + direction
                        : (step * reversed.count + direction) * batch + sequence
                    all.replaceSubrange(target * hidden..<(target + 1) * hidden, with: state)
                }
                states.replaceSubrange(first..<first + hidden, with: state)
                cells.replaceSubrange(first..<first + hidden, with: memory)
            }
        }
        return zip(shapes, [all, states, cells]).map { .floats(Tensor(shape: $0, values: $1)) }
    }
}

extension Operator {
    /// Recurrent networks.
    static let recurrences: [Operator] = [("RNN", 6, 2), ("GRU", 6, 2), ("LSTM", 8, 3)].map {
        name, inputs, outputs in
        Operator(
            name, inputs: 3...inputs, outputs: 1...outputs, lowering: .reference,
            infer: { operands throws(FathomError) in
                try Recurrence(operands).facts(operands.node)
            },
            evaluate: { operands throws(FathomError) in
                try Recurrence(operands.facts).evaluate(operands)
            })
    }
}
