import CFFmpeg
import FathomCore

/// A chain of FFmpeg's filters that gives one frame for each frame, some of them later.
final class FilterChain {
    private let graph: UnsafeMutablePointer<AVFilterGraph>
    private var source: UnsafeMutablePointer<AVFilterContext>?
    private var sink: UnsafeMutablePointer<AVFilterContext>?
    private let timeBase: AVRational
    private var count: Int64 = 0

    /// Builds the chain for frames like `frame`; `threads` for filters that can use them.
    init(
        _ description: String, for frame: UnsafePointer<AVFrame>, threads: Int
    ) throws(FathomError) {
        MediaLog.install()
        guard let graph = avfilter_graph_alloc() else { throw .outOfMemory("filter") }
        self.graph = graph
        timeBase = AVRational(num: 1, den: 1000)
        graph.pointee.nb_threads = Int32(max(1, threads))
        let aspect = frame.pointee.sample_aspect_ratio
        let input =
            "video_size=\(frame.pointee.width)x\(frame.pointee.height)"
            + ":pix_fmt=\(frame.pointee.format):time_base=1/1000"
            + ":pixel_aspect=\(max(0, aspect.num))/\(max(1, aspect.den))"
        try check(
            avfilter_graph_create_filter(
                &source, avfilter_get_by_name("buffer"), "in", input, nil, graph), description)
        try check(
            avfilter_graph_create_filter(
                &sink, avfilter_get_by_name("buffersink"), "out", nil, nil, graph), description)
        var outputs = avfilter_inout_alloc()
        var inputs = avfilter_inout_alloc()
        defer {
            avfilter_inout_free(&inputs)
            avfilter_inout_free(&outputs)
        }
        guard outputs != nil, inputs != nil else { throw .outOfMemory("filter") }
        outputs?.pointee.name = av_strdup("in")
        outputs?.pointee.filter_ctx = source
        inputs?.pointee.name = av_strdup("out")
        inputs?.pointee.filter_ctx = sink
        // Takes both lists and leaves what it did not connect.
        try check(
            avfilter_graph_parse_ptr(graph, description, &inputs, &outputs, nil), description)
        try check(avfilter_graph_config(graph, nil), description)
    }

    deinit {
        var graph: UnsafeMutablePointer<AVFilterGraph>? = graph
        avfilter_graph_free(&graph)
    }

    /// The frames that come out once `frame` is in.
    func push(_ frame: FrameHandle) throws(FathomError) -> [FrameHandle] {
        let reference = try frame.reference()
        // Filters that interpolate in time want evenly spaced frames; the true times are kept outside.
        reference.pointer.pointee.pts = count
        count += 1
        try check(av_buffersrc_add_frame(source, reference.pointer), "a frame")
        return try pull()
    }

    /// The frames that are still inside; call once.
    func finish() throws(FathomError) -> [FrameHandle] {
        try check(av_buffersrc_add_frame(source, nil), "the last frame")
        return try pull()
    }

    private func pull() throws(FathomError) -> [FrameHandle] {
        var frames: [FrameHandle] = []
        while true {
            let handle = try FrameHandle()
            let code = av_buffersink_get_frame(sink, handle.pointer)
            if code == fathom_error_again || code == fathom_error_end_of_file { return frames }
            try check(code, "a frame")
            frames.append(handle)
        }
    }

    private func check(_ code: Int32, _ what: String) throws(FathomError) {
        guard code < 0 else { return }
        throw FathomError(
            operation: "filter", subject: "the video (\(what))", cause: describeError(code),
            remedy: "Check that FFmpeg's filters are installed: fathom doctor")
    }
}
