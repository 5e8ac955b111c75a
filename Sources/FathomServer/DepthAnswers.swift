import FathomCore
import FathomDepth
import FathomPipeline
import Synchronization

/// The depth of the last frame in numbers: a picture of 16 bits, plain floats, one point.
final class DepthAnswers: Sendable {
    /// What a whole map was asked for as.
    private struct Form: Hashable {
        var source: Int
        var isPNG: Bool
        var size: RunConfiguration.FramesSize
    }

    private let upsampling: UpsamplingMethod
    private let size: RunConfiguration.FramesSize
    /// The last answer of each form: however many ask, a frame is written once.
    private let made = Mutex<[Form: (time: Timestamp, response: HTTPResponse)]>([:])

    init(_ configuration: RunConfiguration) {
        upsampling = configuration.upsampling
        size = configuration.framesSize
    }

    // MARK: Whole maps

    /// `/depth.png` is gray of 16 bits, a value being `sample / scale + offset`, and 0 none; `/depth.f32` 32-bit
    /// floats, little-endian, row by row from the top.
    func map(
        _ frame: LiveFrame, source: Int, isPNG: Bool, _ query: [String: String]
    ) throws(HTTPRefusal) -> HTTPResponse {
        var form = Form(source: source, isPNG: isPNG, size: size)
        if let name = query["size"] {
            guard let named = RunConfiguration.FramesSize(rawValue: name) else {
                throw HTTPRefusal(400, "The size is source or network.")
            }
            form.size = named
        }
        let time = frame.picture.timestamp
        if let last = made.withLock({ $0[form] }), last.time == time { return last.response }
        let response = withImage(frame, form.size) { image in
            isPNG ? Self.png(frame, image) : Self.floats(frame, image)
        }
        made.withLock { $0[form] = (time, response) }
        return response
    }

    private static func png(_ frame: LiveFrame, _ image: DepthImage) -> HTTPResponse {
        let unit = unit(frame.depth.map.kind)
        let mapping =
            unit == .metres
            ? DepthPNGMapping(.kitti)
            : DepthPNGMapping(StorageRange.covering(image.values, unit: unit))
        let notes = [
            ("Kind", frame.depth.map.kind.rawValue), ("Unit", unit.rawValue),
            ("Scale", "\(mapping.scale)"), ("Offset", "\(mapping.offset)"),
        ]
        let (bytes, _) = DepthPNG.bytes(image, mapping: mapping, notes: notes)
        let scale = [
            ("X-Fathom-Scale", "\(mapping.scale)"), ("X-Fathom-Offset", "\(mapping.offset)"),
        ]
        return HTTPResponse(
            type: "image/png", headers: headers(frame, image) + scale, body: .bytes(bytes))
    }

    private static func floats(_ frame: LiveFrame, _ image: DepthImage) -> HTTPResponse {
        HTTPResponse(
            type: "application/octet-stream", headers: headers(frame, image),
            body: .bytes(Array(UnsafeRawBufferPointer(image.values))))
    }

    private func withImage(
        _ frame: LiveFrame, _ size: RunConfiguration.FramesSize,
        _ body: (DepthImage) -> HTTPResponse
    ) -> HTTPResponse {
        let map = frame.depth.map
        guard size == .source else {
            return map.withValues { body(DepthImage($0, width: map.width, height: map.height)) }
        }
        let format = frame.picture.format
        let upsampler = GuidedUpsampler(
            method: upsampling, width: format.width, height: format.height)
        var values = [Float](repeating: 0, count: format.width * format.height)
        return values.withUnsafeMutableBufferPointer { buffer in
            frame.picture.withPicture { upsampler.upsample(map, picture: $0, into: buffer) }
            return body(
                DepthImage(
                    UnsafeBufferPointer(buffer), width: format.width, height: format.height))
        }
    }

    private static func unit(_ kind: DepthKind) -> DepthUnit {
        kind == .metres ? .metres : .relative
    }

    private static func headers(_ frame: LiveFrame, _ image: DepthImage) -> [(String, String)] {
        let kind = frame.depth.map.kind
        let range = frame.depth.range
        var headers = [
            ("X-Fathom-Width", "\(image.width)"), ("X-Fathom-Height", "\(image.height)"),
            ("X-Fathom-Kind", kind.rawValue), ("X-Fathom-Unit", unit(kind).rawValue),
            ("X-Fathom-Time", "\(frame.picture.timestamp.seconds)"),
            ("X-Fathom-Wall-Time", "\(frame.wallTime.seconds)"),
            ("X-Fathom-Frame", "\(frame.number)"),
            ("X-Fathom-Range", "\(range.minimum) \(range.maximum)"),
        ]
        if let seconds = frame.lostFor { headers.append(("X-Fathom-Lost-For", "\(seconds)")) }
        return headers
    }

    // MARK: One point

    /// What `/point.json` says.
    private struct Point: Encodable {
        var source: Int
        var x: Double
        var y: Double
        var value: Float
        var kind: String
        var unit: String
        var nearness: Float
        var range: [Float]
        var time: Double
        var frame: Int
        var flags: [String]
        var lostFor: Double?
    }

    /// The depth at a place in 0…1 of the picture's width and height.
    func point(
        _ frame: LiveFrame, source: Int, _ query: [String: String]
    ) throws(HTTPRefusal) -> HTTPResponse {
        let x = try Self.share("x", query)
        let y = try Self.share("y", query)
        let map = frame.depth.map
        let value = map.withValues { values in
            Self.value(values, map.width, map.height, x: x, y: y)
        }
        let range = frame.depth.range
        let share = min(max((value - range.minimum) / range.width, 0), 1)
        let point = Point(
            source: source, x: x, y: y, value: value, kind: map.kind.rawValue,
            unit: Self.unitWords(map.kind),
            nearness: map.kind.isLargeNear ? share : 1 - share,
            range: [range.minimum, range.maximum],
            time: frame.picture.timestamp.seconds, frame: frame.number, flags: frame.flags.names,
            lostFor: frame.lostFor)
        return JSONAnswer.make(point)
    }

    /// What a person calls the number; relative depth is never called metres.
    static func unitWords(_ kind: DepthKind) -> String {
        switch kind {
        case .metres: "m"
        case .depth: "relative depth"
        case .inverseDepth: "relative inverse depth"
        }
    }

    private static func share(
        _ name: String, _ query: [String: String]
    ) throws(HTTPRefusal) -> Double {
        guard let text = query[name], let number = Double(text), (0...1).contains(number) else {
            throw HTTPRefusal(400, "\(name) is no number from 0 to 1.")
        }
        return number
    }

    /// The value between the four nearest ones.
    private static func value(
        _ values: UnsafeBufferPointer<Float>, _ width: Int, _ height: Int, x: Double, y: Double
    ) -> Float {
        func place(_ share: Double, _ count: Int) -> (first: Int, next: Int, rest: Float) {
            let exact = min(max(share * Double(count) - 0.5, 0), Double(count - 1))
            let first = Int(exact)
            return (first, min(first + 1, count - 1), Float(exact - Double(first)))
        }
        let (across, down) = (place(x, width), place(y, height))
        func row(_ y: Int) -> Float {
            let (first, next) = (values[y * width + across.first], values[y * width + across.next])
            return first + (next - first) * across.rest
        }
        let (top, below) = (row(down.first), row(down.next))
        return top + (below - top) * down.rest
    }
}
