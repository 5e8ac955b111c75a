import CKernels
import FathomCore
import FathomGraph

/// How a tensor of N×C×H×W numbers of 8 bits lies in the arena: N×⌈C/16⌉×H×W×16 bytes, or N×H×W×4 where C is at most 4.
///
/// Stored bytes are 0…255; numbers of the type int8 are stored with 128 added, and so are their zeros.
struct QuantizedPicture: Sendable {
    let images: Int
    let channels: Int
    let height: Int
    let width: Int

    init(_ shape: Shape) {
        images = shape[0]
        channels = shape[1]
        height = shape[2]
        width = shape[3]
    }

    /// Bytes of a pixel of a plane.
    var lanes: Int { channels <= 4 ? 4 : 16 }
    var planes: Int { (channels + 15) / 16 }
    var rowBytes: Int { width * lanes }
    var planeBytes: Int { height * rowBytes }
    var imageBytes: Int { planes * planeBytes }
    var bytes: Int { images * imageBytes }

    /// Numbers of four bytes that hold it, and the margin that kernels may read.
    var count: Int { Self.count(bytes) }

    /// Numbers of four bytes that hold so many bytes, and the margin that kernels may read.
    static func count(_ bytes: Int) -> Int {
        (bytes + Int(FATHOM_QUANTIZED_MARGIN) + 3) / MemoryLayout<Float>.stride
    }

    /// Stored byte of the number 0 of a type.
    static func offset(_ type: ElementType) -> Int { type == .int8 ? 128 : 0 }
}

/// The C kernels for 8-bit numbers at one instruction set.
struct QuantizedKernels: @unchecked Sendable {
    // Sendable: pointers to functions, none of which changes.
    let table: fathom_quantized_kernels

    init(_ instructionSet: InstructionSet) {
        table = fathom_quantized_kernels_at(instructionSet.code).pointee
    }
}

/// How 8-bit numbers stand for real ones, as stored.
struct QuantizedScale: Sendable {
    let scale: Float
    /// The stored byte of the real number 0.
    let zero: Int
    let type: ElementType

    /// Takes the constant scale and zero at two inputs of a node.
    init?(_ operands: Operands<Fact>, scale: Int, zero: Int) {
        guard let value = operands.optional(scale)?.constant?.tensor, value.count == 1,
            let offset = operands.optional(zero), offset.shape.count == 1,
            let number = offset.constant?.integerValues.first,
            offset.type.byteRange != nil, value.values[0] > 0, value.values[0].isFinite
        else { return nil }
        self.scale = value.values[0]
        type = offset.type
        self.zero = number + QuantizedPicture.offset(type)
    }
}

extension Memory {
    /// The bytes of a buffer.
    func bytes(_ buffer: Int) -> UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer(writable(buffer)).assumingMemoryBound(to: UInt8.self)
    }

    /// The bytes of a place.
    func bytes(_ place: Place) -> UnsafePointer<UInt8> {
        UnsafeRawPointer(readable(place)).assumingMemoryBound(to: UInt8.self)
    }
}
