import CKernels
import FathomCore
import FathomGraph

/// Puts a picture together from pixels of others: channels behind each other, each part's rows and columns by a map.
/// A chunk is a band of rows of one plane.
struct MovedPixelsStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.

    /// Planes from one source.
    struct Part {
        let source: UnsafePointer<Float>
        /// Planes of a picture: blocks of channels, or channels.
        let planes: Int
        /// Plane of the target at which they begin.
        let first: Int
        let inputRows: Int
        let inputColumns: Int
        let map: PixelMap
        let run: Range<Int>
    }

    private let parts: [Part]
    private let target: UnsafeMutablePointer<Float>
    private let targetPlanes: Int
    private let lanes: Int
    private let rows: Int
    private let columns: Int
    private let rowsEach: Int
    private let bands: Int
    private let planes: Int
    private let kernels: Kernels
    let chunks: Int

    /// Numbers that a chunk should write at least.
    private static let chunkCount = 16384

    init(
        _ parts: [Part], target: UnsafeMutablePointer<Float>, targetPlanes: Int, images: Int,
        rows: Int, columns: Int, lanes: Int, kernels: Kernels
    ) {
        self.parts = parts
        self.target = target
        self.targetPlanes = targetPlanes
        self.lanes = lanes
        self.rows = rows
        self.columns = columns
        self.kernels = kernels
        rowsEach = min(rows, max(1, Self.chunkCount / (columns * lanes)))
        bands = (rows + rowsEach - 1) / rowsEach
        planes = parts.reduce(0) { $0 + $1.planes }
        chunks = images * planes * bands
    }

    func run(_ chunk: Int) {
        let band = chunk % bands
        var plane = chunk / bands % planes
        let image = chunk / (bands * planes)
        var index = 0
        while plane >= parts[index].planes {
            plane -= parts[index].planes
            index += 1
        }
        let first = band * rowsEach
        write(parts[index], plane, image, first..<min(first + rowsEach, rows))
    }

    private func write(_ part: Part, _ plane: Int, _ image: Int, _ band: Range<Int>) {
        let inputRow = part.inputColumns * lanes
        let outputRow = columns * lanes
        let source = part.source + (image * part.planes + plane) * part.inputRows * inputRow
        let output = target + (image * targetPlanes + part.first + plane) * rows * outputRow
        for row in band {
            let line = output + row * outputRow
            let from = Int(part.map.rows[row])
            if from < 0 {
                line.update(repeating: part.map.fill, count: outputRow)
            } else if row > band.lowerBound, from == Int(part.map.rows[row - 1]) {
                line.update(from: line - outputRow, count: outputRow)
            } else {
                writeRow(part, source + from * inputRow, line)
            }
        }
    }

    /// The run in one piece, what is before and after it pixel by pixel.
    private func writeRow(
        _ part: Part, _ source: UnsafePointer<Float>, _ line: UnsafeMutablePointer<Float>
    ) {
        var run = part.run
        if run.count < 8 { run = 0..<0 }
        part.map.columns.withUnsafeBufferPointer { columns in
            guard let start = columns.baseAddress else { return }
            if !run.isEmpty {
                (line + run.lowerBound * lanes).update(
                    from: source + Int(start[run.lowerBound]) * lanes, count: run.count * lanes)
            }
            for rest in [0..<run.lowerBound, run.upperBound..<columns.count] where !rest.isEmpty {
                kernels.table.move_pixels(
                    source, start + rest.lowerBound, rest.count, lanes, part.map.fill,
                    line + rest.lowerBound * lanes)
            }
        }
    }
}

/// A run of channels of an edge that is put together: the edge it comes from, and how its pixels move.
struct MovedPart: Sendable {
    let source: String
    /// Nil where they stay.
    let map: PixelMap?
}

/// Where an edge lies within the edge that it is joined into.
struct Joint: Sendable {
    let edge: String
    let offset: Int
}

extension Planner {
    /// Notes that a node only moves pixels or joins channels; nothing is done until a step wants the result.
    mutating func lowerMovedPixels(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard node.outputs.count == 1 else { return false }
        if let map = try PixelMap(operands) {
            moved[node.outputs[0]] = try parts(node.inputs[0], map)
            return true
        }
        guard isJoin(node) else { return false }
        var parts: [MovedPart] = []
        for name in node.inputs { parts += try self.parts(name, nil) }
        moved[node.outputs[0]] = parts
        return true
    }

    /// Whether a node puts the channels of pictures behind each other.
    private func isJoin(_ node: Node) -> Bool {
        guard node.operation == "Concat", node.attributes["axis"]?.isChannelAxis == true else {
            return false
        }
        return node.inputs.allSatisfy { name in
            guard let fact = facts[name] else { return false }
            return fact.constant == nil && fact.type == .float && fact.shape.rank == 4
                && fact.shape.count > 0
        }
    }

    /// What an edge is put together from, moved by a map.
    private func parts(_ name: String, _ map: PixelMap?) throws(FathomError) -> [MovedPart] {
        guard places[name] == nil, let inner = moved[name] else {
            return [MovedPart(source: name, map: map)]
        }
        guard let map else { return inner }
        var result: [MovedPart] = []
        for part in inner {
            guard let both = part.map.map({ map.after($0) }) ?? map else {
                return [MovedPart(source: name, map: map)]
            }
            result.append(MovedPart(source: part.source, map: both))
        }
        return result
    }

    private func channels(_ part: MovedPart) -> Int { facts[part.source]?.shape[1] ?? 0 }

    /// Whether each part begins with a block of its own.
    private func isAligned(_ parts: [MovedPart]) -> Bool {
        parts.dropLast().allSatisfy { channels($0) % Kernels.block == 0 }
    }

    /// The layout in which parts are best put together: blocked where most of the channels are.
    func movedLayout(_ parts: [MovedPart]) -> Layout {
        guard isAligned(parts) else { return .planar }
        let blocked = parts.reduce(0) { $0 + (layout($1.source) == .blocked ? channels($1) : 0) }
        return blocked * 2 >= parts.reduce(0) { $0 + channels($1) } ? .blocked : .planar
    }

    /// Adds the step that puts an edge together, unless all of its parts have been written in their places.
    mutating func putTogether(_ name: String, _ parts: [MovedPart]) throws(FathomError) {
        let layout = movedLayout(parts)
        let shape = try shape(name)
        let isBlocked = layout == .blocked
        let target: Int
        if isBlocked, let buffer = joinedBuffers[name] {
            target = buffer
            alias(name, layout, .buffer(buffer))
        } else {
            target = try result(name, layout)
        }
        var sources: [(place: Place, channels: Int, first: Int, shape: Shape, map: PixelMap)] = []
        var first = 0
        for part in parts {
            let shape = try self.shape(part.source)
            defer { first += shape[1] }
            let isInPlace =
                part.map == nil && isBlocked && isPiece(part.source, of: target, at: first, shape)
            if isInPlace { continue }
            sources.append(
                (
                    try operand(part.source, layout), shape[1], first, shape,
                    part.map ?? .identity(rows: shape[2], columns: shape[3])
                ))
        }
        guard !sources.isEmpty else { return }
        let lanes = isBlocked ? Kernels.block : 1
        @Sendable func planes(_ channels: Int) -> Int {
            isBlocked ? Kernels.blocks(channels) : channels
        }
        let kernels = kernels
        append(
            PlannedStep(
                node: name, operation: "move pixels", reads: sources.map(\.place),
                writes: [target], worksInPlace: false
            ) { [sources] memory in
                MovedPixelsStep(
                    sources.map { source in
                        MovedPixelsStep.Part(
                            source: memory.readable(source.place),
                            planes: planes(source.channels), first: planes(source.first),
                            inputRows: source.shape[2], inputColumns: source.shape[3],
                            map: source.map, run: source.map.run)
                    }, target: memory.writable(target), targetPlanes: planes(shape[1]),
                    images: shape[0], rows: shape[2], columns: shape[3], lanes: lanes,
                    kernels: kernels)
            })
    }

    /// Whether an edge has been written as the piece of a joined buffer that begins with a channel.
    private func isPiece(_ name: String, of buffer: Int, at channel: Int, _ shape: Shape) -> Bool {
        guard case .buffer(let own)? = places[name]?[.blocked], let home = buffers[own].home else {
            return false
        }
        return home.buffer == buffer && home.offset == channel * shape[2] * shape[3]
    }
}

// MARK: Joined channels without a copy

extension Planner {
    /// Where edges are best written because a step wants them behind each other: the channels of one picture that
    /// are joined in whole blocks.
    func findJoints() throws(FathomError) -> [String: Joint] {
        var movers: Set<String> = []
        var result: [String: Joint] = [:]
        for node in graph.nodes {
            if isJoin(node), let shape = facts[node.outputs[0]]?.shape, shape[0] == 1 {
                let shapes = node.inputs.compactMap { facts[$0]?.shape }
                movers.insert(node.outputs[0])
                guard shapes.dropLast().allSatisfy({ $0[1] % Kernels.block == 0 }),
                    !isMovedOnly(node.outputs[0])
                else { continue }
                var offset = 0
                for (name, part) in zip(node.inputs, shapes) {
                    if result[name] == nil, !movers.contains(name) {
                        result[name] = Joint(edge: node.outputs[0], offset: offset)
                    }
                    offset += part.count
                }
            }
        }
        return result
    }

    /// Whether the pixels of an edge are moved on, so that it is never wanted itself.
    private func isMovedOnly(_ name: String) -> Bool {
        !graph.outputs.contains { $0.name == name }
            && graph.nodes.allSatisfy { node in
                !node.inputs.contains(name)
                    || ["Pad", "Resize", "Upsample", "Concat"].contains(node.operation)
            }
    }

    /// The buffer of a joined edge, whose pieces are written by whoever computes them.
    mutating func joinedBuffer(_ name: String) throws(FathomError) -> Int {
        if let buffer = joinedBuffers[name] { return buffer }
        let buffer = newBuffer(Self.count(try shape(name), .blocked))
        joinedBuffers[name] = buffer
        return buffer
    }
}

extension Attribute {
    /// Whether it names the second of four axes.
    fileprivate var isChannelAxis: Bool {
        if case .integer(let axis) = self { return axis == 1 || axis == -3 }
        return false
    }
}
