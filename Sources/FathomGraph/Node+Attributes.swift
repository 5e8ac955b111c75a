import FathomCore

extension Node {
    /// An error about this node; `Graph` puts the model's name before it.
    public func error(_ cause: String, remedy: String = "") -> FathomError {
        FathomError(
            operation: "use", subject: "node '\(name)' (\(operation))", cause: cause, remedy: remedy
        )
    }

    /// An error about what is right in ONNX but not understood here.
    func unsupported(_ cause: String) -> FathomError {
        FathomError(
            operation: FathomError.unsupported, subject: "node '\(name)' (\(operation))",
            cause: cause)
    }

    /// Whole numbers in attributes stay within 31 bits, so that sums and products of two never overflow.
    static let attributeLimit = Int(Int32.max)

    /// A whole-number attribute.
    func integer(_ name: String, default fallback: Int) throws(FathomError) -> Int {
        switch attributes[name] {
        case nil: return fallback
        case .integer(let value)? where abs(clamping: value) <= Self.attributeLimit: return value
        default: throw error("attribute '\(name)' is not a sensible whole number")
        }
    }

    /// A number attribute.
    func float(_ name: String, default fallback: Float) throws(FathomError) -> Float {
        switch attributes[name] {
        case nil: return fallback
        case .float(let value)?: return value
        default: throw error("attribute '\(name)' is not a number")
        }
    }

    /// A text attribute, one of those allowed.
    func string(
        _ name: String, default fallback: String, allowed: [String]
    ) throws(FathomError) -> String {
        let value: String
        switch attributes[name] {
        case nil: value = fallback
        case .string(let text)?: value = text
        default: throw error("attribute '\(name)' is not a text")
        }
        guard allowed.contains(value) else {
            throw error(
                "\(name) '\(value)' is not supported",
                remedy: "Supported: \(allowed.joined(separator: ", "))")
        }
        return value
    }

    /// A list attribute, nil when absent.
    func integers(_ name: String) throws(FathomError) -> [Int]? {
        switch attributes[name] {
        case nil: return nil
        case .integers(let values)?
        where values.allSatisfy({ abs(clamping: $0) <= Self.attributeLimit }):
            return values
        default: throw error("attribute '\(name)' is not a list of sensible whole numbers")
        }
    }

    /// An axis counted from the end when negative, checked against the rank.
    func axis(_ value: Int, rank: Int) throws(FathomError) -> Int {
        guard value >= -rank, value < rank else {
            throw error("axis \(value) does not exist in a tensor with \(rank) axes")
        }
        return value < 0 ? value + rank : value
    }

    /// Axes counted from the end when negative, each checked against the rank and there once.
    func axes(_ values: [Int], rank: Int) throws(FathomError) -> [Int] {
        var axes: [Int] = []
        for value in values {
            let axis = try axis(value, rank: rank)
            guard !axes.contains(axis) else { throw error("it names axis \(axis) twice") }
            axes.append(axis)
        }
        return axes
    }

    /// A list of numbers, nil when absent.
    func floats(_ name: String) throws(FathomError) -> [Float]? {
        switch attributes[name] {
        case nil: return nil
        case .floats(let values)?: return values
        default: throw error("attribute '\(name)' is not a list of numbers")
        }
    }

    /// A list of texts, nil when absent.
    func strings(_ name: String) throws(FathomError) -> [String]? {
        switch attributes[name] {
        case nil: return nil
        case .strings(let values)?: return values
        default: throw error("attribute '\(name)' is not a list of texts")
        }
    }

    /// Whether a whole-number attribute is set.
    func flag(_ name: String, default fallback: Bool = false) throws(FathomError) -> Bool {
        try integer(name, default: fallback ? 1 : 0) != 0
    }

    /// A shape computed from hostile numbers.
    func shape(_ dimensions: [Int]) throws(FathomError) -> Shape {
        guard let shape = Shape(checking: dimensions) else {
            throw error(
                "its output would be \(dimensions.map(String.init).joined(separator: "x"))",
                remedy: "A tensor has at most \(Shape.largestCount) elements")
        }
        return shape
    }
}

/// The magnitude, without a trap for the most negative number.
private func abs(clamping value: Int) -> Int { Int(clamping: value.magnitude) }
