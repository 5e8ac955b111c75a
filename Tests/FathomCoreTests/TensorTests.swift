import FathomCore
import Testing

@Suite("shapes and tensors")
struct TensorTests {
    @Test("a shape counts its elements and knows their distances")
    func shape() {
        let shape: Shape = [2, 3, 4]
        #expect(shape.count == 24)
        #expect(shape.strides == [12, 4, 1])
        #expect(shape.description == "2x3x4")
        #expect(Shape([]).count == 1)
        #expect(Shape([3, 0, 5]).count == 0)
    }

    @Test(
        "lengths from elsewhere that are negative or too many make no shape",
        arguments: [
            [-1], [2, -3], [1 << 16, 1 << 16], [.max, .max], [.max, 0, .max], [.min], [0, -1],
        ])
    func impossibleShape(dimensions: [Int]) {
        #expect(Shape(checking: dimensions) == nil)
    }

    @Test("a tensor's memory begins on a cache line")
    func alignment() {
        for count in [0, 1, 3, 1000] {
            Tensor(shape: [count]).withUnsafeBuffer { buffer in
                #expect(Int(bitPattern: buffer.baseAddress) % Tensor.alignment == 0)
                #expect(buffer.count == count)
            }
        }
    }

    @Test("a tensor holds the values it was made of and those written later")
    func values() {
        let tensor = Tensor(shape: [2, 2], values: [1, 2, 3, 4])
        tensor.withUnsafeMutableBuffer { $0[3] = 5 }
        #expect(tensor.values == [1, 2, 3, 5])
        #expect(tensor.reshaped(to: [4]).values == [1, 2, 3, 5])
        #expect(Tensor(shape: [3]).values == [0, 0, 0])
    }
}
