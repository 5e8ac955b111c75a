import FathomCore
public struct LiveAddress: Hashable, Sendable { public enum Kind: String, Sendable { case camera, rtsp, rtmp, srt, http, udp, screen, standardInput, file }
 public let kind: Kind; public let name: String
 public var hasEnd: Bool { kind == .file || kind == .standardInput }
 public static func parse(_ text: String, isRealtime: Bool) throws(FathomError) -> LiveAddress { LiveAddress(kind: .file, name: text) } }
public struct LiveFailure: Error, Sendable {
    public enum Reason: String, Sendable, Codable { case ended, unsupportedCodec, other }
    public let reason: Reason
    public let error: FathomError
    public init(reason: Reason, error: FathomError) { self.reason = reason; self.error = error } }
public final class LiveTimeline: Sendable { let start = SystemClock.monotonicNanoseconds
  public init() {}
  public func timestamp(at t: UInt64) -> Timestamp { Timestamp(Int64((t - start) / 11111), Rational(1, 90000)) } }
public final class LiveInput: @unchecked Sendable {
    public struct Options: Sendable { public var size: PixelSize?; public var rate: Rational?; public var format: String?; public var rtspTransport = RTSPTransport.tcp; public var openSeconds = 10.0; public var readSeconds = 5.0; public var isCancelled: @Sendable () -> Bool = { false }; public var stream: Int?  ; public init() {} }
    let demuxer: Demuxer; let stream: LiveStream
    public init(_ address: LiveAddress, options: Options, connection: Int, timeline: LiveTimeline) throws(LiveFailure) {
      do throws(FathomError) { var o = Demuxer.Options(); o.isCancelled = options.isCancelled; demuxer = try Demuxer(.file(address.name), options: o); video = try demuxer.chooseVideo(); stream = LiveStream(info: video, connection: connection, parameters: try CodecParameters(copying: demuxer.ffmpegStream(video.index)!.pointee.codecpar)) } catch { throw LiveFailure(reason: .other, error: error) } }
    public var info: MediaInfo { demuxer.info }
    public let video: StreamInfo
    public var effective: [String] { [] }
    public func next() throws(LiveFailure) -> LivePacket {
      do throws(FathomError) { while true { guard let p = try demuxer.nextPacket() else { break }; if p.streamIndex != video.index { continue }; pause(seconds: 0.033)
        return LivePacket(packet: p, stream: stream, arrival: SystemClock.monotonicNanoseconds, wallTime: WallTime(seconds: 0, source: .arrival), followsGap: false) } } catch { throw LiveFailure(reason: .other, error: error) }
      throw LiveFailure(reason: .ended, error: FathomError(operation: "read", subject: "x", cause: "end")) }
    public func makeDecoder(threads: Int) throws(FathomError) -> Decoder { try Decoder(video, of: demuxer, threads: 1) }
}
extension Packet { public var isDamaged: Bool { false } }
extension DecodedFrame { public var isKeyFrame: Bool { handle.pointer.pointee.key_frame != 0 } }
