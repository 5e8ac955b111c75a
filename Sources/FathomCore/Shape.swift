/// The lengths of a tensor's axes, outermost first; no axis makes a scalar.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
    /// The most elements a tensor may have: 2³¹ − 1, so that no index computed from a shape overflows.
    public static let largestCount = Int(Int32.max)

    /// Length of each axis; none is negative.
    public let dimensions: [Int]
    /// The number of elements.
    public let count: Int

    /// A shape that the program itself made; a wrong one is a mistake of the program and traps.
    public init(_ dimensions: [Int]) {
        guard let shape = Shape(checking: dimensions) else {
            preconditionFailure("a shape has axes of 0 or more and at most 2³¹ − 1 elements")
        }
        self = shape
    }

    /// A shape from lengths read elsewhere; nil when one is negative or the count is beyond `largestCount`.
    public init?(checking dimensions: [Int]) {
        var nonzero = 1
        for length in dimensions where length != 0 {
            let (product, overflow) = nonzero.multipliedReportingOverflow(by: length)
            guard length > 0, !overflow, product <= Self.largestCount else { return nil }
            nonzero = product
        }
        self.dimensions = dimensions
        count = dimensions.contains(0) ? 0 : nonzero
    }

    /// As `init(_:)`.
    public init(arrayLiteral elements: Int...) {
        self.init(elements)
    }

    /// The number of axes.
    public var rank: Int { dimensions.count }

    /// Length of an axis.
    public subscript(axis: Int) -> Int { dimensions[axis] }

    /// Elements from one index of each axis to the next, row-major.
    public var strides: [Int] {
        var strides = [Int](repeating: 1, count: rank)
        var step = 1
        for axis in dimensions.indices.reversed() {
            strides[axis] = step
            step *= max(dimensions[axis], 1)
        }
        return strides
    }

    /// As `1x3x224x384`; a scalar is `scalar`.
    public var description: String {
        rank == 0 ? "scalar" : dimensions.map(String.init).joined(separator: "x")
    }
}
