import FathomCore

/// A map from nearness (0 = far, 1 = near) to colour. Near is bright or warm in every one.
public enum ColorMap: String, CaseIterable, Hashable, Sendable {
    /// Black, purple, orange, pale yellow (matplotlib).
    case inferno
    /// Black, purple, pink, pale yellow (matplotlib).
    case magma
    /// Purple, green, yellow (matplotlib).
    case viridis
    /// Dark blue, green, red: an improved rainbow (Mikhailov 2019).
    case turbo
    /// Blue, yellow, red (ColorBrewer's Spectral).
    case spectral
    /// Black to white.
    case gray
    /// Black, blue, red, magenta, green, cyan, yellow, white: the KITTI development kit's `disp_to_color`.
    case kitti

    /// Colours in 0…1, evenly or unevenly spaced, linear in between.
    private var anchors: [(place: Double, color: RGB)] {
        switch self {
        case .inferno: Self.evenly(ColorMapTables.inferno)
        case .magma: Self.evenly(ColorMapTables.magma)
        case .viridis: Self.evenly(ColorMapTables.viridis)
        case .turbo: Self.evenly(ColorMapTables.turbo)
        case .spectral: Self.evenly(ColorMapTables.spectral)
        case .gray: [(0, RGB(0, 0, 0)), (1, RGB(1, 1, 1))]
        case .kitti: Self.kittiAnchors
        }
    }

    /// The colour at each of `count` evenly spaced steps of nearness, far first.
    public func colors(count: Int) -> [RGB] {
        precondition(count > 1, "a table has at least two colours")
        let anchors = anchors
        var index = 0
        return (0..<count).map { step in
            let place = Double(step) / Double(count - 1)
            while index + 2 < anchors.count, anchors[index + 1].place <= place { index += 1 }
            let (from, to) = (anchors[index], anchors[index + 1])
            let share = (place - from.place) / (to.place - from.place)
            return from.color.mixed(with: to.color, share: min(max(share, 0), 1))
        }
    }

    private static func evenly(_ hexadecimal: String) -> [(place: Double, color: RGB)] {
        let digits = hexadecimal.utf8.map { $0 <= 0x39 ? $0 - 0x30 : $0 - 0x61 + 10 }
        let count = digits.count / 6
        return (0..<count).map { index in
            func byte(_ place: Int) -> Double {
                let at = 6 * index + 2 * place
                return Double(digits[at] * 16 + digits[at + 1]) / 255
            }
            return (Double(index) / Double(count - 1), RGB(byte(0), byte(1), byte(2)))
        }
    }

    /// Corners of the colour cube with the widths of the KITTI development kit; the last one is white.
    private static let kittiAnchors: [(place: Double, color: RGB)] = {
        let corners = [
            RGB(0, 0, 0), RGB(0, 0, 1), RGB(1, 0, 0), RGB(1, 0, 1), RGB(0, 1, 0), RGB(0, 1, 1),
            RGB(1, 1, 0), RGB(1, 1, 1),
        ]
        let widths = [114.0, 185, 114, 174, 114, 185, 114]
        let total = widths.reduce(0, +)
        var place = 0.0
        var anchors = [(place: 0.0, color: corners[0])]
        for (width, corner) in zip(widths, corners.dropFirst()) {
            place += width
            anchors.append((place / total, corner))
        }
        return anchors
    }()
}

/// A colour with non-linear red, green and blue in 0…1 (BT.709).
public struct RGB: Hashable, Sendable {
    /// Red in 0…1.
    public var red: Double
    /// Green in 0…1.
    public var green: Double
    /// Blue in 0…1.
    public var blue: Double

    /// A colour.
    public init(_ red: Double, _ green: Double, _ blue: Double) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    func mixed(with other: RGB, share: Double) -> RGB {
        RGB(
            red + (other.red - red) * share, green + (other.green - green) * share,
            blue + (other.blue - blue) * share)
    }

    /// Y′CbCr code values, BT.709, limited range.
    func codes(bitDepth: Int) -> (y: Int, cb: Int, cr: Int) {
        let step = Double(1 << (bitDepth - 8))
        let luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        return (
            Int(((16 + 219 * luma) * step).rounded()),
            Int(((128 + 224 * (blue - luma) / 1.8556) * step).rounded()),
            Int(((128 + 224 * (red - luma) / 1.5748) * step).rounded())
        )
    }
}
