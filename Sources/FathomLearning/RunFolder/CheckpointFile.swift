import FathomCore
import Foundation

/// A `TensorState` as a file in the safetensors format, which Python reads with the package of that name.
///
/// Eight bytes with the length of a JSON header, the header (type, shape and place of each tensor, and a map of texts),
/// then the tensors' bytes. Everything is little-endian.
public enum CheckpointFile {
    private static let largestHeader = 1 << 26
    private static let largestFile = 1 << 36

    /// Writes the state; the file is there whole or as it was before.
    public static func write(_ state: TensorState, to path: String) throws(FathomError) {
        let names = state.tensors.keys.sorted()
        var header: [String: Any] = [:]
        var place = 0
        for name in names {
            guard let tensor = state.tensors[name] else { continue }
            header[name] = [
                "dtype": "F32", "shape": tensor.shape.dimensions,
                "data_offsets": [place, place + 4 * tensor.count],
            ]
            place += 4 * tensor.count
        }
        var texts = ["format": "fathom"]
        for (name, number) in state.numbers { texts["number:\(name)"] = String(number) }
        // A bit pattern: what is read is what was written.
        for (name, value) in state.values { texts["value:\(name)"] = String(value.bitPattern) }
        for (name, text) in state.texts { texts["text:\(name)"] = text }
        header["__metadata__"] = texts
        var json: [UInt8]
        do {
            json = Array(
                try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys]))
        } catch {
            throw FathomError(operation: "write", subject: path, cause: "\(error)")
        }
        // Tensors begin on a multiple of eight bytes.
        json += [UInt8](repeating: 0x20, count: (8 - json.count % 8) % 8)
        let head = (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
        let tensors = names.compactMap { state.tensors[$0] }
        let status: Result<Void, FathomError> = head.withUnsafeBytes { head in
            // The tensors live to the end of the function, and with them their memory.
            let pieces =
                [head] + tensors.map { $0.withUnsafeBuffer { UnsafeRawBufferPointer($0) } }
            return Result { () throws(FathomError) in try AtomicFile.write(path, pieces) }
        }
        withExtendedLifetime(tensors) {}
        try status.get()
    }

    /// Reads a file that `write` wrote; everything it states is checked against its size.
    public static func read(_ path: String) throws(FathomError) -> TensorState {
        func failure(_ cause: String) -> FathomError {
            FathomError(
                operation: "read", subject: "the checkpoint \(path)", cause: cause,
                remedy: "Remove it and train anew, or take another checkpoint")
        }
        let bytes = try FileBytes.read(path, limit: largestFile)
        guard bytes.count >= 8 else { throw failure("it is cut short") }
        let length = bytes[0..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(min(largestHeader, bytes.count - 8)) else {
            throw failure("its header is cut short")
        }
        let start = 8 + Int(length)
        let json: [String: Any]
        do {
            let object = try JSONSerialization.jsonObject(with: Data(bytes[8..<start]))
            guard let mapping = object as? [String: Any] else {
                throw failure("its header is no mapping")
            }
            json = mapping
        } catch let error as FathomError {
            throw error
        } catch {
            throw failure("its header is no JSON")
        }
        var state = TensorState()
        for (name, value) in json {
            if name == "__metadata__" {
                read(value as? [String: String] ?? [:], into: &state)
                continue
            }
            guard let entry = value as? [String: Any], entry["dtype"] as? String == "F32",
                let lengths = entry["shape"] as? [Int], let shape = Shape(checking: lengths),
                let place = entry["data_offsets"] as? [Int], place.count == 2, place[0] >= 0,
                place[0] <= place[1], place[1] <= bytes.count - start,
                place[1] - place[0] == 4 * shape.count
            else { throw failure("the tensor '\(name)' doesn't lie within it") }
            state.tensors[name] = Tensor(shape: shape) { values in
                bytes.withUnsafeBytes { source in
                    UnsafeMutableRawBufferPointer(values).copyMemory(
                        from: UnsafeRawBufferPointer(
                            rebasing: source[(start + place[0])..<(start + place[1])]))
                }
            }
        }
        return state
    }

    private static func read(_ texts: [String: String], into state: inout TensorState) {
        for (key, text) in texts {
            let parts = key.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "number": state.numbers[parts[1]] = Int(text)
            case "value": state.values[parts[1]] = UInt64(text).map(Double.init(bitPattern:))
            case "text": state.texts[parts[1]] = text
            default: break
            }
        }
    }
}
