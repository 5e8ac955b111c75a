import FathomCore

extension GuidedUpsampler {
    /// Depth of a whole picture at this upsampler's size, for depth frames.
    ///
    /// - Parameters:
    ///   - map: the depth at the network's size.
    ///   - picture: the source picture, of any size.
    ///   - out: `width * height` floats, row-major.
    ///   - pool: whose threads share the rows; nil keeps them on the caller's.
    public func upsample(
        _ map: DepthMap, picture: PictureView, into out: UnsafeMutableBufferPointer<Float>,
        pool: WorkerPool? = nil
    ) {
        precondition(out.count == width * height, "the result has width × height values")
        guard let base = out.baseAddress else { return }
        load(map)
        let guide = GuideRows(source: picture.format, width: width, height: height)
        let work = Work(picture: picture, out: base)
        let bandRows = 64
        @Sendable func band(_ index: Int) {
            let scratch = makeScratch()
            let guideScratch = guide.makeScratch()
            withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { brightness in
                guard let light = brightness.baseAddress else { return }
                for y in (index * bandRows)..<min((index + 1) * bandRows, height) {
                    guide.row(y, of: work.picture, into: light, scratch: guideScratch)
                    row(y, brightness: light, into: work.out + y * width, scratch: scratch)
                }
            }
        }
        let bands = (height + bandRows - 1) / bandRows
        if let pool {
            pool.run(chunks: bands, band)
        } else {
            for index in 0..<bands { band(index) }
        }
    }

    /// Picture and result for the length of one call.
    private struct Work: @unchecked Sendable {
        // Sendable: the picture is only read, and bands write different rows.
        let picture: PictureView
        let out: UnsafeMutablePointer<Float>
    }
}
