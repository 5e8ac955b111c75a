import CFFmpeg
import FathomCore

/// Rewrites a fragmented MP4 or MOV as a plain one with its index in front, packet by packet.
enum Remuxer {
    /// `like` is the context that wrote `source`: it has what fragments can't hold, such as chapters;
    /// `video` is the stream whose ticks count; packets of the `spooled` streams come from `spool`.
    static func rewrite(
        from source: String, to target: String, container: Container,
        like original: UnsafeMutablePointer<AVFormatContext>, video: Int,
        spool: PacketSpool?, spooled: Set<Int>
    ) throws(FathomError) {
        let input = try InputContext(
            path: source, interruption: Interruption { false })
        let output = try OutputContext(path: target, container: container)
        let count = Int(original.pointee.nb_streams)
        guard Int(input.pointer.pointee.nb_streams) >= count else {
            throw FathomError(
                operation: "read back", subject: source, cause: "a stream is missing",
                remedy: "Play it as it is")
        }
        for index in 0..<count {
            guard let from = original.pointee.streams[index], let read = input.stream(index)
            else { continue }
            let stream = try output.addStream()
            // The parameters as read: the container has its own form of the codecs' headers.
            guard avcodec_parameters_copy(stream.pointee.codecpar, read.pointee.codecpar) >= 0
            else { throw .outOfMemory("write") }
            stream.pointee.codecpar.pointee.codec_tag = from.pointee.codecpar.pointee.codec_tag
            stream.pointee.time_base = from.pointee.time_base
            stream.pointee.avg_frame_rate = from.pointee.avg_frame_rate
            stream.pointee.disposition = from.pointee.disposition
            stream.pointee.sample_aspect_ratio = from.pointee.sample_aspect_ratio
            av_dict_copy(&stream.pointee.metadata, from.pointee.metadata, 0)
        }
        av_dict_copy(&output.pointer.pointee.metadata, original.pointee.metadata, 0)
        try Chapters.copy(from: original, to: output.pointer, origin: nil, end: nil)
        var flags = "faststart"
        if Metadata.needsFreeKeys(original.pointee.metadata) { flags += "+use_metadata_tags" }
        var header = ["movflags": flags]
        if let timeBase = original.pointee.streams[video]?.pointee.time_base {
            header["movie_timescale"] = Container.movieTimescale(timeBase)
        }
        try output.writeHeader(header)
        try spool?.rewind()
        try copyPackets(from: input, to: output, streams: count, spool: spool, spooled: spooled)
        try output.finish()
    }

    private static func copyPackets(
        from input: InputContext, to output: OutputContext, streams: Int, spool: PacketSpool?,
        spooled: Set<Int>
    ) throws(FathomError) {
        let packet = try Packet(timeBase: AVRational(num: 1, den: 1))
        var clocks = [CopyClock](repeating: CopyClock(), count: streams)
        var aside = try spool?.next()
        while av_read_frame(input.pointer, packet.pointer) >= 0 {
            let index = packet.streamIndex
            guard index < streams, !spooled.contains(index), let from = input.stream(index) else {
                av_packet_unref(packet.pointer)
                continue
            }
            clocks[index].order(packet.pointer)
            let time = Timestamp(packet.pointer.pointee.dts, Rational(from.pointee.time_base))
            while let waiting = aside,
                Timestamp(waiting.pointer.pointee.dts, Rational(waiting.timeBase)) <= time
            {
                try send(waiting, timeBase: waiting.timeBase, to: output)
                aside = try spool?.next()
            }
            try send(packet, timeBase: from.pointee.time_base, to: output)
        }
        while let waiting = aside {
            try send(waiting, timeBase: waiting.timeBase, to: output)
            aside = try spool?.next()
        }
    }

    private static func send(
        _ packet: Packet, timeBase: AVRational, to output: OutputContext
    ) throws(FathomError) {
        guard let target = output.pointer.pointee.streams[packet.streamIndex] else { return }
        av_packet_rescale_ts(packet.pointer, timeBase, target.pointee.time_base)
        packet.pointer.pointee.pos = -1
        try output.write(packet.pointer)
    }
}
