import FathomCore

/// How a window slides over the rows and columns of a picture: the common part of convolutions and pools.
///
/// ONNX's one-dimensional windows become two-dimensional ones with a single row.
public struct Window: Hashable, Sendable {
    /// One of the two directions.
    public struct Axis: Hashable, Sendable {
        /// Length of the input.
        public var input: Int
        /// Length of the output.
        public var output: Int
        /// Taps of the window.
        public var kernel: Int
        /// Input elements from one output to the next.
        public var stride: Int
        /// Input elements from one tap to the next.
        public var dilation: Int
        /// Elements added before the first.
        public var before: Int
        /// Elements added after the last.
        public var after: Int

        /// A window of `kernel` taps over `input` elements.
        public init(
            input: Int, output: Int, kernel: Int, stride: Int, dilation: Int, before: Int,
            after: Int
        ) {
            self.input = input
            self.output = output
            self.kernel = kernel
            self.stride = stride
            self.dilation = dilation
            self.before = before
            self.after = after
        }

        /// An axis of one element that a window of one tap does not move along.
        static let single = Axis(
            input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0)

        /// The input element under a tap of an output; outside the input on padding.
        func position(_ output: Int, _ tap: Int) -> Int {
            output * stride + tap * dilation - before
        }
    }

    /// Down the rows.
    public var rows: Axis
    /// Along a row.
    public var columns: Axis

    /// Reads the window of a node whose input is N×C×H×W or N×C×W.
    ///
    /// `kernel` has the lengths of the window's spatial axes. `ceiling` rounds the output's size up, as pools may.
    public init(
        _ node: Node, input: Shape, kernel: [Int], ceiling: Bool = false
    ) throws(FathomError) {
        let axes = try Self.axes(node, input: input, kernel: kernel, ceiling: ceiling)
        guard axes.count <= 2 else {
            throw node.error("its input \(input) is no sequence and no picture")
        }
        columns = axes[axes.count - 1]
        rows = axes.count == 2 ? axes[0] : .single
    }

    /// A window along axes that are known.
    init(rows: Axis, columns: Axis) {
        self.rows = rows
        self.columns = columns
    }

    /// The window along each spatial axis of an input of any rank, N×C×….
    static func axes(
        _ node: Node, input: Shape, kernel: [Int], ceiling: Bool = false
    ) throws(FathomError) -> [Axis] {
        let rank = input.rank - 2
        guard rank >= 1 else { throw node.error("its input \(input) has no spatial axes") }
        let strides = try node.integers("strides") ?? Array(repeating: 1, count: rank)
        let dilations = try node.integers("dilations") ?? Array(repeating: 1, count: rank)
        var pads = try node.integers("pads") ?? Array(repeating: 0, count: 2 * rank)
        let automatic = try node.string(
            "auto_pad", default: "NOTSET",
            allowed: ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])
        if automatic != "NOTSET" { pads = Array(repeating: 0, count: 2 * rank) }
        guard kernel.count == rank, strides.count == rank, dilations.count == rank,
            pads.count == 2 * rank
        else { throw node.error("its window and input do not have the same number of axes") }
        var axes: [Axis] = []
        for axis in 0..<rank {
            var entry = Axis(
                input: input[axis + 2], output: 0, kernel: kernel[axis], stride: strides[axis],
                dilation: dilations[axis], before: pads[axis], after: pads[axis + rank])
            guard entry.kernel > 0, entry.stride > 0, entry.dilation > 0, entry.before >= 0,
                entry.after >= 0, entry.input > 0
            else { throw node.error("its window has a size, stride or padding out of range") }
            try entry.resolve(node, automatic: automatic, ceiling: ceiling)
            axes.append(entry)
        }
        return axes
    }
}

/// How a window slides along three axes, for the evaluation of convolutions and pools of any kind.
struct VolumeWindow {
    /// Depth, rows, columns; those that the input does not have are `Axis.single`.
    let axes: [Window.Axis]
    /// The output's spatial lengths, as many as the input has.
    let outputSizes: [Int]

    /// Reads the window of a node whose input has one to three spatial axes.
    init(
        _ node: Node, input: Shape, kernel: [Int], ceiling: Bool = false
    ) throws(FathomError) {
        let stated = try Window.axes(node, input: input, kernel: kernel, ceiling: ceiling)
        guard stated.count <= 3 else {
            throw node.unsupported("its input \(input) has more than three spatial axes")
        }
        axes = Array(repeating: .single, count: 3 - stated.count) + stated
        outputSizes = stated.map(\.output)
    }

    /// Numbers of a channel of the input.
    var inputPlane: Int { axes.reduce(1) { $0 * $1.input } }
    /// Numbers of a channel of the output.
    var outputPlane: Int { axes.reduce(1) { $0 * $1.output } }
    /// Taps of the window; of a convolution, whose weights there are.
    var taps: Int { axes.reduce(1) { $0 * $1.kernel } }

    /// The row, column and slice of an output within its channel.
    private func place(_ output: Int) -> (slice: Int, row: Int, column: Int) {
        let (rows, columns) = (axes[1].output, axes[2].output)
        return (output / (columns * rows), output / columns % rows, output % columns)
    }

    /// Calls `body` for each tap over an output of a channel that lies on the input, with the position there.
    func visit(_ output: Int, _ body: (_ tap: Int, _ input: Int) -> Void) {
        let (slice, row, column) = place(output)
        let (depth, rows, columns) = (axes[0], axes[1], axes[2])
        let columnTaps = columns.taps(of: column, before: columns.input)
        for a in depth.taps(of: slice, before: depth.input) {
            let z = depth.position(slice, a)
            for b in rows.taps(of: row, before: rows.input) {
                let y = rows.position(row, b)
                for c in columnTaps {
                    let x = columns.position(column, c)
                    body(
                        (a * rows.kernel + b) * columns.kernel + c,
                        (z * rows.input + y) * columns.input + x)
                }
            }
        }
    }

    /// How many taps over an output lie on the input or its padding.
    func paddedTaps(_ output: Int) -> Double {
        let (slice, row, column) = place(output)
        return zip(axes, [slice, row, column]).reduce(1) { count, part in
            let (axis, output) = part
            let end = axis.input + axis.after
            return count * Double(axis.taps(of: output, from: -axis.before, before: end).count)
        }
    }
}

extension Window.Axis {
    /// The taps of an output that lie from one position to before another.
    fileprivate func taps(of output: Int, from first: Int = 0, before end: Int) -> Range<Int> {
        let start = position(output, 0)
        let low = start >= first ? 0 : (first - start + dilation - 1) / dilation
        let high = start >= end ? 0 : (end - start + dilation - 1) / dilation
        return min(low, kernel)..<max(min(high, kernel), min(low, kernel))
    }
}

extension Window.Axis {
    /// Fills in the padding that `auto_pad` asks for and the output's length.
    fileprivate mutating func resolve(
        _ node: Node, automatic: String, ceiling: Bool
    ) throws(FathomError) {
        let span = (kernel - 1).multipliedReportingOverflow(by: dilation)
        guard !span.overflow, span.partialValue < Node.attributeLimit else {
            throw node.error("its window is too large")
        }
        let extent = span.partialValue + 1
        if automatic.hasPrefix("SAME") {
            output = (input - 1) / stride + 1
            let padding = max(0, (output - 1) * stride + extent - input)
            before = automatic == "SAME_UPPER" ? padding / 2 : (padding + 1) / 2
            after = padding - before
            return
        }
        let room = input + before + after - extent
        guard room >= 0 else { throw node.error("its window is larger than its padded input") }
        output = room / stride + 1
        // A window that would begin in the padding after the input is left out, as ONNX Runtime and PyTorch do.
        if ceiling, room % stride != 0, output * stride < input + before { output += 1 }
    }
}
