import FathomCore

/// The memory of a part of the training as named tensors and values: what checkpoints are made of.
public struct TensorState: Sendable {
    /// Numbers in float32 by name.
    public var tensors: [String: Tensor] = [:]
    /// Whole numbers by name.
    public var numbers: [String: Int] = [:]
    /// Fractional numbers by name, kept to the last bit.
    public var values: [String: Double] = [:]
    /// Texts by name.
    public var texts: [String: String] = [:]

    /// A state of nothing.
    public init() {}

    /// A tensor of so many elements that must be there.
    public func tensor(_ name: String, count: Int) throws(FathomError) -> Tensor {
        guard let tensor = tensors[name] else { throw Self.missing(name) }
        guard tensor.count == count else {
            throw FathomError(
                operation: "restore", subject: "the tensor '\(name)'",
                cause: "it has \(tensor.count) elements where \(count) are needed",
                remedy: "The checkpoint is of another network: start anew with --overwrite")
        }
        return tensor
    }

    /// A whole number of 0 or more that must be there.
    public func number(_ name: String) throws(FathomError) -> Int {
        guard let number = numbers[name], number >= 0 else { throw Self.missing(name) }
        return number
    }

    private static func missing(_ name: String) -> FathomError {
        FathomError(
            operation: "restore", subject: "'\(name)'", cause: "the checkpoint doesn't have it",
            remedy: "The checkpoint is of another training: start anew with --overwrite")
    }
}

/// A part of the training with a memory that checkpoints keep.
///
/// After `restore(from:)` of what `save(into:)` gave, it goes on the same to the bit.
public protocol TensorStateful: AnyObject {
    /// Adds a copy of the memory.
    func save(into state: inout TensorState)
    /// Takes the memory; throws when something is missing or of another size, and then changes nothing.
    func restore(from state: TensorState) throws(FathomError)
}
