/// ONNX files of one node, written field by field, for what no sensible exporter writes.
public enum TinyNetwork {
    /// Takes a vector of ten numbers: no picture.
    public static let ofVector = model(
        node: node("Relu", ["x"]), initializers: [], input: [10], output: [10])

    /// Takes a picture of 64×48 and gives a map in which nothing is a number.
    public static let withoutNumbers = model(
        node: node("Conv", ["x", "w"]),
        initializers: [
            number(1, 1) + number(1, 3) + number(1, 1) + number(1, 1) + number(2, 1)
                + field(8, Array("w".utf8))
                + field(9, [UInt8](repeatElement([0, 0, 192, 127], count: 3).joined()))
        ], input: [1, 3, 48, 64], output: [1, 1, 48, 64])

    private static func varint(_ value: Int) -> [UInt8] {
        value < 128 ? [UInt8(value)] : [UInt8(value & 127) | 128] + varint(value >> 7)
    }

    private static func number(_ number: Int, _ value: Int) -> [UInt8] {
        varint(number << 3) + varint(value)
    }

    private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(bytes.count) + bytes
    }

    private static func node(_ operation: String, _ inputs: [String]) -> [UInt8] {
        inputs.flatMap { field(1, Array($0.utf8)) } + field(2, Array("y".utf8))
            + field(4, Array(operation.utf8))
    }

    private static func value(_ name: String, _ shape: [Int]) -> [UInt8] {
        let dimensions = shape.flatMap { field(1, number(1, $0)) }
        return field(1, Array(name.utf8))
            + field(2, field(1, number(1, 1) + field(2, dimensions)))
    }

    private static func model(
        node: [UInt8], initializers: [[UInt8]], input: [Int], output: [Int]
    ) -> [UInt8] {
        let graph =
            field(1, node) + field(2, Array("g".utf8)) + initializers.flatMap { field(5, $0) }
            + field(11, value("x", input)) + field(12, value("y", output))
        return number(1, 8) + field(7, graph) + field(8, number(2, 17))
    }
}
