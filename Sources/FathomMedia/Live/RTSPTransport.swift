/// How RTSP brings its packets.
public enum RTSPTransport: String, CaseIterable, Sendable {
    /// Interleaved in the control connection: nothing is lost.
    case tcp
    /// Datagrams: less delay on a bad network, with losses.
    case udp
}
