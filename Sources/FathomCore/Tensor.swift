/// Numbers in float32, row-major, in memory of its own that begins on a 64-byte boundary.
public final class Tensor: @unchecked Sendable {
    // Sendable: written only through `withUnsafeMutableBuffer` by the one that made it, before it is shared.

    /// Bytes on which a tensor's memory begins: a cache line, and the widest vector.
    public static let alignment = 64

    /// The lengths of the axes.
    public let shape: Shape
    private let storage: UnsafeMutableBufferPointer<Float>

    /// A tensor of zeros.
    public init(shape: Shape) {
        self.shape = shape
        storage = Self.allocate(shape.count)
        storage.initialize(repeating: 0)
    }

    /// A tensor with the given elements, as many as the shape has.
    public init(shape: Shape, values: some Collection<Float>) {
        precondition(values.count == shape.count, "as many values as the shape has elements")
        self.shape = shape
        storage = Self.allocate(shape.count)
        _ = storage.initialize(from: values)
    }

    /// A tensor whose elements `body` writes, every one of them.
    public init(shape: Shape, writtenBy body: (UnsafeMutableBufferPointer<Float>) -> Void) {
        self.shape = shape
        storage = Self.allocate(shape.count)
        body(storage)
    }

    deinit { UnsafeMutableRawPointer(storage.baseAddress)?.deallocate() }

    private static func allocate(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: alignment)
        return UnsafeMutableBufferPointer(
            start: memory.bindMemory(to: Float.self, capacity: max(count, 1)), count: count)
    }

    /// The number of elements.
    public var count: Int { shape.count }

    /// The elements as an array; a copy.
    public var values: [Float] { Array(storage) }

    /// Reads the elements in place.
    public func withUnsafeBuffer<R, E: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeBufferPointer(storage))
    }

    /// Writes the elements in place; only before the tensor is shared.
    public func withUnsafeMutableBuffer<R, E: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(E) -> R
    ) throws(E) -> R {
        try body(storage)
    }

    /// The same elements under another shape of as many; a copy.
    public func reshaped(to shape: Shape) -> Tensor {
        precondition(shape.count == count, "a reshape keeps the number of elements")
        return Tensor(shape: shape, values: storage)
    }
}
