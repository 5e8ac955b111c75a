import FathomCore
import FathomEngine
import FathomGraph

/// A network that turns pictures into depth maps, with its preparation and what comes after.
///
/// The network's input has the picture's display aspect (see `NetworkGeometry`); the session is built at the
/// first picture and again when the picture's size changes. One thread at a time may use a model.
public final class DepthModel: @unchecked Sendable {
    // Sendable: used by one thread at a time, as the documentation demands.

    /// How the model is fed and read, with overrides applied.
    public let card: ModelCard
    let graph: Graph
    private let input: PictureInput
    private let options: SessionOptions
    private let pool = DepthMapPool()
    private var current: Prepared?
    /// What a recurrent network remembers of the frames before.
    private var memory: RecurrentMemory
    /// How far the first picture's depth was from that in fp32; nil before it, and where depth is computed in fp32.
    public private(set) var precisionError: PrecisionError?

    /// What belongs to one picture size.
    private struct Prepared {
        let format: PictureFormat
        let sampleAspectRatio: Rational
        let geometry: NetworkGeometry
        let preparer: PicturePreparer
        let session: Session
        let outputWidth: Int
        let outputHeight: Int
    }

    /// Takes a graph; nothing is planned before the first picture.
    ///
    /// - Throws: when the metadata is malformed or the graph's input is not a picture.
    public init(
        graph: Graph, overrides: ModelOverrides = ModelOverrides(),
        options: SessionOptions = SessionOptions()
    ) throws(FathomError) {
        let own = try ModelCard(
            metadata: graph.metadata, subject: "model \(graph.name)", defaultName: graph.name)
        card = try own.overridden(by: overrides)
        input = try PictureInput(graph: graph, card: card)
        memory = try RecurrentMemory(graph: graph, card: card)
        self.graph = graph
        self.options = options
    }

    /// The network's input size for pictures of a format.
    public func geometry(
        for format: PictureFormat, sampleAspectRatio: Rational = Rational(1, 1)
    ) -> NetworkGeometry {
        NetworkGeometry(
            width: format.width, height: format.height, sampleAspectRatio: sampleAspectRatio,
            longSide: card.size, multiple: card.sizeMultiple, fixedWidth: input.fixedWidth,
            fixedHeight: input.fixedHeight)
    }

    /// The arithmetic: what was asked for, or what a quantized file says itself.
    public var precision: Precision { options.effectivePrecision(of: graph) }

    /// Width of the network's input for the last picture; nil before the first.
    public var inputWidth: Int? { current?.geometry.inputWidth }

    /// Height of the network's input for the last picture; nil before the first.
    public var inputHeight: Int? { current?.geometry.inputHeight }

    /// Depth of one picture, which covers the whole picture whatever the network's own shape.
    ///
    /// - Parameters:
    ///   - picture: a canonical picture.
    ///   - sampleAspectRatio: width of a sample by its height.
    public func estimate(
        _ picture: PictureView, sampleAspectRatio: Rational = Rational(1, 1)
    ) throws(FathomError) -> DepthMap {
        let prepared = try prepare(for: picture.format, sampleAspectRatio)
        let geometry = prepared.geometry
        let map = pool.take(
            width: geometry.contentWidth, height: geometry.contentHeight, kind: card.outputKind)
        let planeSize = geometry.inputWidth * geometry.inputHeight
        prepared.session.withInput(input.name) { tensor in
            guard let base = tensor.baseAddress else { return }
            // Zero is the mean: what a letterbox is filled with.
            if geometry.contentWidth * geometry.contentHeight != planeSize {
                tensor.update(repeating: 0)
            }
            let corner = base + geometry.contentY * geometry.inputWidth + geometry.contentX
            map.withMutableValues { _, light in
                guard let light = light.baseAddress else { return }
                prepared.preparer.prepare(
                    picture, planes: corner, rowStride: geometry.inputWidth,
                    planeStride: planeSize, brightness: light)
            }
        }
        try read(prepared, into: map)
        return map
    }

    /// Depth of one picture given as numbers: 3×H×W, red, green and blue in 0…1 as stored.
    public func estimate(_ picture: Tensor) throws(FathomError) -> DepthMap {
        precondition(picture.shape.rank == 3 && picture.shape[0] == 3, "a picture is 3×H×W")
        let format = PictureFormat(
            width: picture.shape[2], height: picture.shape[1], chroma: .c444)
        let prepared = try prepare(for: format, Rational(1, 1))
        let geometry = prepared.geometry
        let map = pool.take(
            width: geometry.contentWidth, height: geometry.contentHeight, kind: card.outputKind)
        let preparer = TensorPreparer(
            picture: picture.shape, width: geometry.contentWidth, height: geometry.contentHeight,
            mean: card.mean, std: card.std)
        prepared.session.withInput(input.name) { tensor in
            tensor.update(repeating: 0)
            map.withMutableValues { _, light in
                preparer.prepare(picture, into: tensor, geometry: geometry, brightness: light)
            }
        }
        try read(prepared, into: map)
        return map
    }

    /// Depth of the last picture again, from a changed input: 1×3×H×W as `networkInput` gives it.
    package func estimate(networkInput tensor: Tensor) throws(FathomError) -> DepthMap {
        guard let prepared = current, prepared.session.inputShapes[input.name] == tensor.shape
        else {
            preconditionFailure("a picture of this size has been estimated before")
        }
        let map = pool.take(
            width: prepared.geometry.contentWidth, height: prepared.geometry.contentHeight,
            kind: card.outputKind)
        prepared.session.withInput(input.name) { target in
            tensor.withUnsafeBuffer { _ = target.update(fromContentsOf: $0) }
        }
        map.withMutableValues { _, light in light.update(repeating: 0) }
        try read(prepared, into: map)
        return map
    }

    /// Computes the depth from what the session's input holds.
    private func read(_ prepared: Prepared, into map: DepthMap) throws(FathomError) {
        let geometry = prepared.geometry
        memory.recall(prepared.session, before: map)
        try prepared.session.execute()
        if precisionError == nil, precision != .fp32 {
            precisionError = try PrecisionError(
                of: prepared.session, graph: graph, options: options)
        }
        prepared.session.withOutput(input.output) { values, _ in
            map.withMutableValues { depth, _ in
                DepthOutput(
                    values: values, width: prepared.outputWidth, height: prepared.outputHeight
                ).crop(geometry, into: depth)
            }
        }
        memory.keep(prepared.session)
        map.replaceNonFinite()
    }

    /// Lets a recurrent network forget the frames before, as it does by itself at a cut and where the picture's size
    /// changes. Others remember nothing.
    public func forget() { memory.forget() }

    /// What the network was given for the last picture, by the input's name; nil before the first.
    public func networkInput() -> [String: Tensor]? {
        guard let session = current?.session, let shape = session.inputShapes[input.name] else {
            return nil
        }
        return [input.name: session.withInput(input.name) { Tensor(shape: shape, values: $0) }]
    }

    private func prepare(
        for format: PictureFormat, _ sampleAspectRatio: Rational
    ) throws(FathomError) -> Prepared {
        if let current, current.format == format, current.sampleAspectRatio == sampleAspectRatio {
            return current
        }
        let geometry = geometry(for: format, sampleAspectRatio: sampleAspectRatio)
        let shape: Shape = [1, 3, geometry.inputHeight, geometry.inputWidth]
        let session: Session
        if let current, current.geometry.inputWidth == geometry.inputWidth,
            current.geometry.inputHeight == geometry.inputHeight
        {
            session = current.session
        } else {
            let shapes = try memory.shapes(picture: input.name, shape)
            session = try Session(graph, inputShapes: shapes, options: options)
            // What has been restored before the first picture stays.
            if current != nil { memory.forget() }
        }
        let output = session.outputShapes[input.output]?.dimensions ?? []
        guard output.count >= 2, output.dropLast(2).allSatisfy({ $0 == 1 }),
            let width = output.last, width > 0, output[output.count - 2] > 0
        else {
            throw FathomError(
                operation: "use", subject: "model \(graph.name)",
                cause: "its output \(input.output) is \(output), not one map (1 × height × width)",
                remedy: "Export the model with one map of depth as its first output")
        }
        let prepared = Prepared(
            format: format, sampleAspectRatio: sampleAspectRatio, geometry: geometry,
            preparer: PicturePreparer(
                format: format, width: geometry.contentWidth, height: geometry.contentHeight,
                mean: card.mean, std: card.std), session: session, outputWidth: width,
            outputHeight: output[output.count - 2])
        current = prepared
        return prepared
    }
}

/// A network's output, which may be smaller than its input.
private struct DepthOutput {
    let values: UnsafeBufferPointer<Float>
    let width: Int
    let height: Int

    /// The part that belongs to the picture, linear in between where sizes differ.
    func crop(_ geometry: NetworkGeometry, into depth: UnsafeMutableBufferPointer<Float>) {
        let columns = geometry.contentWidth
        if width == geometry.inputWidth, height == geometry.inputHeight {
            for y in 0..<geometry.contentHeight {
                let from = (y + geometry.contentY) * width + geometry.contentX
                let row = UnsafeMutableBufferPointer(
                    rebasing: depth[(y * columns)..<((y + 1) * columns)])
                _ = row.update(fromContentsOf: values[from..<(from + columns)])
            }
            return
        }
        let across = ExpansionTable(source: width, count: geometry.inputWidth)
        let down = ExpansionTable(source: height, count: geometry.inputHeight)
        for y in 0..<geometry.contentHeight {
            let row = y + geometry.contentY
            let top = Int(down.first[row])
            let next = min(top + 1, height - 1)
            for x in 0..<columns {
                let column = x + geometry.contentX
                let left = Int(across.first[column])
                let right = min(left + 1, width - 1)
                let above = values[top * width + left].mixed(
                    values[top * width + right], across.share[column])
                let below = values[next * width + left].mixed(
                    values[next * width + right], across.share[column])
                depth[y * columns + x] = above.mixed(below, down.share[row])
            }
        }
    }
}

extension Float {
    fileprivate func mixed(_ other: Float, _ share: Float) -> Float {
        self + (other - self) * share
    }
}

extension DepthModel: Stateful {
    /// What a recurrent network remembers.
    public func saveState() -> [UInt8] { memory.saveState() }

    /// Takes up where `saveState` left off.
    public func restoreState(_ bytes: [UInt8]) throws(FathomError) {
        try memory.restoreState(bytes)
    }
}
