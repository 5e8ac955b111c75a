/// Bounds on what clients may use and how long they may take.
package struct ServerLimits: Sendable {
    /// Connections at a time.
    package var connections = 200
    /// Bytes of answers in memory, of all clients together.
    package var bytes = 256 << 20
    /// Requests that wait for a thread.
    package var waiting = 32
    /// Different pictures that are drawn at a time.
    package var views = 8

    /// Seconds until the first byte of a request.
    package var idle = 15.0
    /// Seconds from the first byte of a request's head to its last.
    package var head = 10.0
    /// Seconds without taking a single byte of what is sent.
    package var stall = 10.0
    /// Seconds for a whole answer.
    package var answer = 60.0
    /// Seconds for one piece of a stream.
    package var piece = 30.0
    /// Seconds from the answer's last byte to the client's end of the connection.
    package var farewell = 1.0

    /// What a program that serves people uses.
    package init() {}
}
