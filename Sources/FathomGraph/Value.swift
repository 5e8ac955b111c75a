import FathomCore

/// Whole numbers, row-major, each kept in 64 bits whatever its type.
public struct IntegerTensor: Hashable, Sendable {
    /// The lengths of the axes.
    public let shape: Shape
    /// The elements; as many as the shape has.
    public let values: [Int64]
    /// Any type that is not floating point.
    public let type: ElementType

    /// Makes a tensor; wraps values that the type cannot hold.
    public init(shape: Shape, values: [Int64], type: ElementType = .int64) {
        precondition(values.count == shape.count, "as many values as the shape has elements")
        precondition(!type.isFloatingPoint, "whole numbers have a whole type")
        self.shape = shape
        self.values = type.bits == 64 ? values : values.map(type.wrapping)
        self.type = type
    }
}

/// What flows along an edge of a graph, with its elements.
public enum Value: Sendable {
    /// Floating-point numbers.
    case floats(Tensor)
    /// Floating-point numbers that the graph says are of another floating-point type; kept in float32.
    case typed(Tensor, ElementType)
    /// Whole numbers.
    case integers(IntegerTensor)

    /// Numbers that are of the given floating-point type already.
    static func numbers(_ tensor: Tensor, type: ElementType) -> Value {
        type == .float ? .floats(tensor) : .typed(tensor, type)
    }

    /// A list of whole numbers, one axis.
    public static func list(_ values: [Int]) -> Value {
        .integers(IntegerTensor(shape: [values.count], values: values.map(Int64.init)))
    }

    /// One floating-point number.
    public static func scalar(_ value: Float) -> Value {
        .floats(Tensor(shape: [], values: [value]))
    }

    /// Truths, one for each element of a shape.
    static func truths(_ values: [Bool], shape: Shape) -> Value {
        .integers(IntegerTensor(shape: shape, values: values.map { $0 ? 1 : 0 }, type: .bool))
    }

    /// The lengths of the axes.
    public var shape: Shape {
        switch self {
        case .floats(let tensor), .typed(let tensor, _): tensor.shape
        case .integers(let tensor): tensor.shape
        }
    }

    /// The kind of the elements.
    public var type: ElementType {
        switch self {
        case .floats: .float
        case .typed(_, let type): type
        case .integers(let tensor): tensor.type
        }
    }

    /// The elements if they are floating point.
    public var tensor: Tensor? {
        switch self {
        case .floats(let tensor), .typed(let tensor, _): tensor
        case .integers: nil
        }
    }

    /// The elements if they are whole numbers.
    public var whole: IntegerTensor? {
        if case .integers(let tensor) = self { tensor } else { nil }
    }

    /// The elements as machine words, whatever their kind.
    public var integerValues: [Int] {
        switch self {
        case .floats(let tensor), .typed(let tensor, _):
            tensor.values.map { Int(clampingTowardZero: $0) }
        case .integers(let tensor): tensor.values.map { Int($0) }
        }
    }

    /// The elements as floating point, whatever their kind.
    public var floatValues: [Float] {
        switch self {
        case .floats(let tensor), .typed(let tensor, _): tensor.values
        case .integers(let tensor):
            tensor.type == .uint64
                ? tensor.values.map { Float(UInt64(bitPattern: $0)) }
                : tensor.values.map { Float($0) }
        }
    }

    /// The same elements under another shape of as many.
    public func reshaped(to shape: Shape) -> Value {
        switch self {
        case .floats(let tensor): .floats(tensor.reshaped(to: shape))
        case .typed(let tensor, let type): .typed(tensor.reshaped(to: shape), type)
        case .integers(let tensor):
            .integers(IntegerTensor(shape: shape, values: tensor.values, type: tensor.type))
        }
    }

    /// The elements as another type holds them. Any number but 0 is true, 0.5 among them.
    public func cast(to type: ElementType) -> Value {
        if self.type == type { return self }
        if type.isFloatingPoint {
            let values =
                type == .double || type == .float ? floatValues : floatValues.map(type.rounding)
            return .numbers(Tensor(shape: shape, values: values), type: type)
        }
        let values: [Int64]
        switch self {
        case .floats(let tensor), .typed(let tensor, _): values = tensor.values.map(type.truncating)
        case .integers(let tensor): values = tensor.values
        }
        return .integers(IntegerTensor(shape: shape, values: values, type: type))
    }

    /// The value made of the elements at the given positions, for operators that only move elements.
    func gathering(_ positions: [Int], shape: Shape) -> Value {
        switch self {
        case .floats(let tensor), .typed(let tensor, _):
            let values = tensor.withUnsafeBuffer { source in positions.map { source[$0] } }
            return .numbers(Tensor(shape: shape, values: values), type: type)
        case .integers(let tensor):
            return .integers(
                IntegerTensor(
                    shape: shape, values: positions.map { tensor.values[$0] }, type: tensor.type))
        }
    }
}

extension Value {
    /// As `gathering`, with one element of another value of the same type where a position is negative.
    func gathering(_ positions: [Int], filling: Value, shape: Shape) -> Value {
        if let source = whole {
            let fill = filling.whole?.values.first ?? 0
            let values = positions.map { $0 < 0 ? fill : source.values[$0] }
            return .integers(IntegerTensor(shape: shape, values: values, type: type))
        }
        let fill = filling.floatValues.first ?? 0
        let source = floatValues
        let values = positions.map { $0 < 0 ? fill : source[$0] }
        return .numbers(Tensor(shape: shape, values: values), type: type)
    }
}

extension Int {
    /// The number without its fraction; the nearest representable one when it is out of range, 0 for NaN.
    init(clampingTowardZero value: Float) {
        if value.isNaN {
            self = 0
        } else if value >= 9.2e18 {
            self = .max
        } else if value <= -9.2e18 {
            self = .min
        } else {
            self = Int(value)
        }
    }
}
