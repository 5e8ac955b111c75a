import CFFmpeg
import FathomCore

extension LiveStream {
    /// Whether packets of both can follow one another in one file: same codec, shape and decoder's headers.
    func fits(_ other: LiveStream) -> Bool {
        let own = parameters.pointer.pointee
        let theirs = other.parameters.pointer.pointee
        return own.codec_id == theirs.codec_id && own.width == theirs.width
            && own.height == theirs.height && own.format == theirs.format
            && own.sample_rate == theirs.sample_rate
            && own.ch_layout.nb_channels == theirs.ch_layout.nb_channels
            && headers == other.headers
    }

    /// What a decoder has to know before the first packet.
    private var headers: [UInt8] {
        let own = parameters.pointer.pointee
        guard let bytes = own.extradata, own.extradata_size > 0 else { return [] }
        return [UInt8](UnsafeBufferPointer(start: bytes, count: Int(own.extradata_size)))
    }

    /// A stream of an open recording, for tests of outputs.
    package convenience init(
        _ info: StreamInfo, of demuxer: Demuxer, connection: Int = 0
    ) throws(FathomError) {
        guard let parameters = demuxer.ffmpegStream(info.index)?.pointee.codecpar else {
            throw FathomError(
                operation: "read", subject: demuxer.info.path,
                cause: "it has no stream \(info.index)")
        }
        self.init(
            info: info, connection: connection,
            parameters: try CodecParameters(copying: parameters))
    }
}

extension LivePacket {
    /// When it is decoded, in ticks of its time base; `nil` when unknown.
    public var decodingTime: Int64? {
        let time = packet.pointer.pointee.dts
        return time == noTimestamp ? nil : time
    }
}
