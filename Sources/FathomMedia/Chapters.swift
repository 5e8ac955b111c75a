import CFFmpeg
import FathomCore

/// Named parts of the timeline, copied from container to container.
enum Chapters {
    /// Copies chapters; those wholly outside of `origin`…`end` are left out, the others cut.
    static func copy(
        from source: UnsafeMutablePointer<AVFormatContext>,
        to target: UnsafeMutablePointer<AVFormatContext>, origin: Timestamp?, end: Timestamp?
    ) throws(FathomError) {
        for index in 0..<Int(source.pointee.nb_chapters) {
            guard let chapter = source.pointee.chapters[index] else { continue }
            let base = Rational(chapter.pointee.time_base)
            let shift = origin?.rescaled(to: base).value ?? 0
            let limit = end.map { $0.rescaled(to: base).value } ?? .max
            let first = max(chapter.pointee.start, shift)
            let last = min(chapter.pointee.end, limit)
            guard first < last else { continue }
            try append(
                to: target, id: chapter.pointee.id, timeBase: chapter.pointee.time_base,
                start: first &- shift, end: last &- shift, metadata: chapter.pointee.metadata)
        }
    }

    private static func append(
        to target: UnsafeMutablePointer<AVFormatContext>, id: Int64, timeBase: AVRational,
        start: Int64, end: Int64, metadata: OpaquePointer?
    ) throws(FathomError) {
        // FFmpeg has no call for this on the writing side: its own array grows by its own allocator,
        // and avformat_free_context gives it back.
        let count = Int(target.pointee.nb_chapters)
        let size = MemoryLayout<UnsafeMutablePointer<AVChapter>?>.stride
        guard
            let array = av_realloc(
                UnsafeMutableRawPointer(target.pointee.chapters), (count + 1) * size)
        else { throw .outOfMemory("write") }
        target.pointee.chapters = array.assumingMemoryBound(
            to: UnsafeMutablePointer<AVChapter>?.self)
        guard let memory = av_mallocz(MemoryLayout<AVChapter>.size) else {
            throw .outOfMemory("write")
        }
        let chapter = memory.assumingMemoryBound(to: AVChapter.self)
        chapter.pointee.id = id
        chapter.pointee.time_base = timeBase
        chapter.pointee.start = start
        chapter.pointee.end = end
        av_dict_copy(&chapter.pointee.metadata, metadata, 0)
        target.pointee.chapters[count] = chapter
        target.pointee.nb_chapters += 1
    }
}
