import CFFmpeg
import FathomCore

/// Scales canonical pictures into a size of another shape without distortion, black around them.
final class PictureFitter {
    private let from: PictureFormat
    private let to: PictureFormat
    private let left: Int
    private let top: Int
    private let scaler: Scaler
    private let pool: FramePool

    init(from: PictureFormat, to: PictureFormat) throws(FathomError) {
        self.from = from
        self.to = to
        // The largest size of the same shape that fits, even so that chroma samples are whole.
        let isWider = from.width * to.height > to.width * from.height
        let width = isWider ? to.width : max(1, from.width * to.height / from.height)
        let height = isWider ? max(1, from.height * to.width / from.width) : to.height
        let inner = (
            width: width == to.width ? width : max(2, width & ~1),
            height: height == to.height ? height : max(2, height & ~1)
        )
        left = (to.width - inner.width) / 2 & ~1
        top = (to.height - inner.height) / 2 & ~1
        scaler = try Scaler(
            from: Scaler.Side(width: from.width, height: from.height, format: from.pixelFormat),
            to: Scaler.Side(width: inner.width, height: inner.height, format: to.pixelFormat))
        pool = try FramePool(format: to)
    }

    func fit(_ frame: FrameHandle) throws(FathomError) -> FrameHandle {
        let fitted = try pool.makeHandle()
        let target = fitted.pointer.pointee
        blacken(target)
        let bytes = to.bytesPerSample
        func inner(
            _ plane: UnsafeMutablePointer<UInt8>?, _ stride: Int32, _ shift: Int
        ) -> UnsafeMutablePointer<UInt8>? {
            plane.map { $0 + (top >> shift) * Int(stride) + (left >> shift) * bytes }
        }
        try scaler.scale(
            frame.pointer,
            into: (
                inner(target.data.0, target.linesize.0, 0),
                inner(target.data.1, target.linesize.1, 1),
                inner(target.data.2, target.linesize.2, 1)
            ), strides: (target.linesize.0, target.linesize.1, target.linesize.2))
        return fitted
    }

    private func blacken(_ frame: AVFrame) {
        let shift = to.bitDepth - 8
        let planes = [
            (frame.data.0, frame.linesize.0, 16), (frame.data.1, frame.linesize.1, 128),
            (frame.data.2, frame.linesize.2, 128),
        ]
        for (index, (plane, stride, value)) in planes.enumerated() {
            guard let plane else { continue }
            let count = Int(stride) * to.planeHeight(index)
            let raw = UnsafeMutableRawPointer(plane)
            if to.bytesPerSample == 1 {
                raw.initializeMemory(as: UInt8.self, repeating: UInt8(value), count: count)
            } else {
                raw.initializeMemory(
                    as: UInt16.self, repeating: UInt16(value << shift), count: count / 2)
            }
        }
    }
}
