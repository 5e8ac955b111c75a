import CVideo4Linux
import FathomCore
import Foundation

/// A camera of this machine and what it can do.
public struct CameraDescription: Sendable, Codable {
    /// Frames a second that a format and size come with.
    public struct Size: Sendable, Codable, Hashable {
        /// Pixels across.
        public var width: Int
        /// Pixels down.
        public var height: Int
        /// Frames a second, fastest first; empty when the camera doesn't say.
        public var rates: [Double]
    }

    /// A pixel format that the camera gives.
    public struct Format: Sendable, Codable, Hashable {
        /// What `--input-format` calls it: `yuyv422`, `mjpeg`; the kernel's four letters where Fathom can't take it.
        public var name: String
        /// The driver's words: `Motion-JPEG`.
        public var description: String
        /// Whether Fathom can take it.
        public var isUsable: Bool
        /// The sizes, or the smallest and largest where any between them will do.
        public var sizes: [Size]
        /// Whether `sizes` are the ends of a range.
        public var isRange: Bool
    }

    /// The device file: `/dev/video0`.
    public var path: String
    /// The name that the driver gives it; empty when it can't be asked.
    public var name: String
    /// The driver: `uvcvideo`.
    public var driver: String
    /// What it gives, in the driver's order.
    public var formats: [Format]
    /// Why it can't be used, when it can't: one sentence.
    public var trouble: String?
}

/// The cameras of this machine.
public enum Cameras {
    /// All video devices of the kernel that give pictures, and those that can't be asked.
    public static func list() -> [CameraDescription] {
        paths.compactMap { describe($0, opener: KernelVideoDevice.open) }
    }

    /// Video devices of the kernel, in order of their numbers.
    public static var paths: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []
        return names.filter { $0.hasPrefix("video") && Int($0.dropFirst(5)) != nil }
            .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
            .map { "/dev/\($0)" }
    }

    /// What a device says about itself; `nil` for devices that give no pictures, such as a camera's metadata.
    package static func describe(
        _ path: String, opener: VideoDeviceOpener
    ) -> CameraDescription? {
        var camera = CameraDescription(
            path: path, name: "", driver: "", formats: [], trouble: nil)
        let device: any VideoDevice
        switch opener(path) {
        case .success(let opened): device = opened
        case .failure(let error):
            camera.trouble = CameraTrouble(openingFailedWith: error).sentence
            return camera
        }
        defer { device.close() }
        switch CameraCapabilities.read(device) {
        case .failure(let error):
            camera.trouble = "it is not a camera (\(error.words))"
        case .success(let capabilities):
            guard capabilities.givesPictures else { return nil }
            camera.name = capabilities.name
            camera.driver = capabilities.driver
            camera.formats = capabilities.formats.map(\.description)
            if !capabilities.streams {
                camera.trouble = "it has no streaming input"
            } else if !capabilities.formats.contains(where: { $0.known != nil }) {
                camera.trouble = "it has no pixel format that Fathom takes"
            }
        }
        return camera
    }
}

/// What a camera says it can do. Drivers may say anything: all lists are bounded.
struct CameraCapabilities {
    /// A size or a range of sizes of a format.
    enum Sizes {
        case exactly(width: Int, height: Int, rates: [Rational])
        case range(
            widths: ClosedRange<Int>, heights: ClosedRange<Int>, widthStep: Int, heightStep: Int,
            rates: [Rational])
    }

    struct Format {
        let code: UInt32
        let words: String
        let sizes: [Sizes]
        var known: CameraFormat? { CameraFormat.known(code) }
    }

    static let mostFormats: UInt32 = 64
    static let mostSizes: UInt32 = 128
    static let mostRates: UInt32 = 64

    let name: String
    let driver: String
    let givesPictures: Bool
    let streams: Bool
    let formats: [Format]

    static func read(_ device: any VideoDevice) -> Result<CameraCapabilities, SystemError> {
        var answer = v4l2_capability()
        let status = device.control(fathom_v4l2_querycap, &answer)
        guard status == 0 else { return .failure(SystemError(status)) }
        let flags =
            answer.capabilities & UInt32(V4L2_CAP_DEVICE_CAPS) != 0
            ? answer.device_caps : answer.capabilities
        let givesPictures = flags & UInt32(V4L2_CAP_VIDEO_CAPTURE) != 0
        return .success(
            CameraCapabilities(
                name: cameraText(answer.card), driver: cameraText(answer.driver),
                givesPictures: givesPictures,
                streams: flags & UInt32(V4L2_CAP_STREAMING) != 0,
                formats: givesPictures ? formats(device) : []))
    }

    private static func formats(_ device: any VideoDevice) -> [Format] {
        var formats: [Format] = []
        for index in 0..<mostFormats {
            var answer = v4l2_fmtdesc()
            answer.index = index
            answer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
            guard device.control(fathom_v4l2_enum_fmt, &answer) == 0 else { break }
            let code = answer.pixelformat
            guard !formats.contains(where: { $0.code == code }) else { continue }
            formats.append(
                Format(
                    code: code, words: cameraText(answer.description),
                    sizes: sizes(device, code)))
        }
        return formats
    }

    private static func sizes(_ device: any VideoDevice, _ code: UInt32) -> [Sizes] {
        var sizes: [Sizes] = []
        for index in 0..<mostSizes {
            var answer = v4l2_frmsizeenum()
            answer.index = index
            answer.pixel_format = code
            guard device.control(fathom_v4l2_enum_framesizes, &answer) == 0 else { break }
            if answer.type == V4L2_FRMSIZE_TYPE_DISCRETE.rawValue {
                let (width, height) = (Int(answer.discrete.width), Int(answer.discrete.height))
                guard isCredible(width, height) else { continue }
                sizes.append(
                    .exactly(
                        width: width, height: height, rates: rates(device, code, width, height)))
                continue
            }
            let range = answer.stepwise
            let (least, most) = (
                (Int(range.min_width), Int(range.min_height)),
                (Int(range.max_width), Int(range.max_height))
            )
            // Ranges have one entry.
            guard isCredible(least.0, least.1), isCredible(most.0, most.1), least.0 <= most.0,
                least.1 <= most.1
            else { return sizes }
            sizes.append(
                .range(
                    widths: least.0...most.0, heights: least.1...most.1,
                    widthStep: max(1, Int(range.step_width)),
                    heightStep: max(1, Int(range.step_height)),
                    rates: rates(device, code, least.0, least.1)))
            return sizes
        }
        return sizes
    }

    /// Frames a second at a size, fastest first.
    static func rates(
        _ device: any VideoDevice, _ code: UInt32, _ width: Int, _ height: Int
    ) -> [Rational] {
        var rates: [Rational] = []
        for index in 0..<mostRates {
            var answer = v4l2_frmivalenum()
            answer.index = index
            answer.pixel_format = code
            answer.width = UInt32(width)
            answer.height = UInt32(height)
            guard device.control(fathom_v4l2_enum_frameintervals, &answer) == 0 else { break }
            let isRange = answer.type != V4L2_FRMIVAL_TYPE_DISCRETE.rawValue
            let intervals =
                isRange ? [answer.stepwise.min, answer.stepwise.max] : [answer.discrete]
            for interval in intervals {
                let rate = Rational(Int(interval.denominator), Int(interval.numerator))
                if rate.isPositive, rate.value <= 10_000, rate.value >= 0.01,
                    !rates.contains(rate)
                {
                    rates.append(rate)
                }
            }
            if isRange { break }
        }
        return rates.sorted { $0.value > $1.value }
    }

    private static func isCredible(_ width: Int, _ height: Int) -> Bool {
        (1...InputContext.maximumSide).contains(width)
            && (1...InputContext.maximumSide).contains(height)
            && width * height <= InputContext.maximumPixels
    }
}

extension CameraCapabilities.Format {
    fileprivate var description: CameraDescription.Format {
        func values(_ rates: [Rational]) -> [Double] {
            rates.map { ($0.value * 1000).rounded() / 1000 }
        }
        var isRange = false
        let sizes = sizes.flatMap { size -> [CameraDescription.Size] in
            switch size {
            case .exactly(let width, let height, let rates):
                return [.init(width: width, height: height, rates: values(rates))]
            case .range(let widths, let heights, _, _, let rates):
                isRange = true
                return [
                    .init(
                        width: widths.lowerBound, height: heights.lowerBound,
                        rates: values(rates)),
                    .init(
                        width: widths.upperBound, height: heights.upperBound,
                        rates: []),
                ]
            }
        }
        return CameraDescription.Format(
            name: known?.name ?? tagText(code), description: words, isUsable: known != nil,
            sizes: sizes, isRange: isRange)
    }
}

/// Text out of a fixed array of bytes of the kernel's; what is unprintable is left out.
func cameraText<T>(_ bytes: T) -> String {
    let text = withUnsafeBytes(of: bytes) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    return String(text.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 })
}
