import FathomCore
import Glibc
import Synchronization

/// A small HTTP/1.1 server for GET and HEAD, made for clients that mean no good.
///
/// One thread does all input and output without ever waiting for a single client, two more make the answers
/// that take time. Everything has a bound: connections, heads, bytes kept for a client, seconds that it may take.
final class HTTPServer: Sendable {
    /// What has been going on.
    struct Counts {
        /// Connections that are open.
        var connections = 0
        /// Answers so far by status code.
        var answers: [Int: Int] = [:]
        /// Connections that were closed because the client took too long.
        var overdue = 0
        /// Connections that were turned away or closed because there were too many.
        var crowdedOut = 0
    }

    private struct Job: Sendable {
        let connection: Int
        let make: @Sendable () -> HTTPResponse
    }
    private struct State {
        var counts = Counts()
        var answers: [(connection: Int, response: HTTPResponse)] = []
        var threads: [JoinedThread] = []
        var isStopped = false
    }

    let limits: ServerLimits
    let handler: @Sendable (HTTPRequest) -> HTTPAnswer
    /// The socket that connections arrive at.
    let listener: Int32
    /// Read end and write end of a pipe that wakes the loop.
    private let pipe: (read: Int32, write: Int32)
    private let jobs: BoundedQueue<Job>
    private let state = Mutex(State())
    private let stopping = Cancellation()

    /// A server at a socket that listens; it is the server's from now on.
    init(
        listener: Int32, limits: ServerLimits,
        handler: @escaping @Sendable (HTTPRequest) -> HTTPAnswer
    ) throws(FathomError) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else {
            defer { close(listener) }
            throw FathomError(
                operation: "serve", subject: "the page", cause: String(cString: strerror(errno)))
        }
        for end in ends { neverWaiting(end) }
        self.listener = listener
        self.limits = limits
        self.handler = handler
        pipe = (ends[0], ends[1])
        jobs = BoundedQueue(capacity: limits.waiting)
    }

    deinit {
        stop()
        close(pipe.read)
        close(pipe.write)
    }

    /// Begins to answer.
    func start() {
        state.withLock { state in
            guard state.threads.isEmpty, !state.isStopped else { return }
            let loop = HTTPLoopBox(HTTPLoop(server: self))
            state.threads = [JoinedThread(name: "http") { loop.run() }]
            for _ in 0..<2 {
                state.threads.append(JoinedThread(name: "http answer") { [unowned self] in work() })
            }
        }
    }

    /// Closes every connection and the port; returns when nothing runs any more.
    func stop() {
        stopping.cancel()
        jobs.cancel()
        wake()
        let (threads, isFirst) = state.withLock { state in
            defer {
                state.threads = []
                state.isStopped = true
            }
            return (state.threads, !state.isStopped)
        }
        for thread in threads { thread.join() }
        if isFirst { close(listener) }
    }

    /// Makes the loop look after streams: something new was published.
    func wake() {
        var byte: UInt8 = 1
        // A full pipe wakes it as well.
        _ = write(pipe.write, &byte, 1)
    }

    /// What has been going on.
    var counts: Counts { state.withLock { $0.counts } }

    private func work() {
        giveWay()
        while let job = jobs.receive() {
            let response = job.make()
            state.withLock { $0.answers.append((job.connection, response)) }
            wake()
        }
    }

    // MARK: For the loop

    var isStopping: Bool { stopping.isCancelled }
    var wakeDescriptor: Int32 { pipe.read }

    /// Gives work to a thread; when too much waits, the one that has waited longest is sent away.
    func enqueue(_ make: @escaping @Sendable () -> HTTPResponse, for connection: Int) {
        guard let displaced = jobs.put(Job(connection: connection, make: make)) else { return }
        let refusal = HTTPRefusal(503, "Too many requests wait for an answer.")
        state.withLock { $0.answers.append((displaced.connection, HTTPResponse(refusal))) }
    }

    /// Answers that were made meanwhile.
    func takeAnswers() -> [(connection: Int, response: HTTPResponse)] {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(pipe.read, &bytes, bytes.count) == bytes.count {}
        return state.withLock { state in
            defer { state.answers = [] }
            return state.answers
        }
    }

    func count(_ change: (inout Counts) -> Void) { state.withLock { change(&$0.counts) } }
}

/// Calls on a descriptor return at once from now on, and programs that this one starts don't get it.
func neverWaiting(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
}

/// Lets the calling thread have less of a busy processor than those that the sources depend on.
func giveWay() {
    // On Linux this is of the thread alone.
    setpriority(Int32(PRIO_PROCESS.rawValue), 0, 5)
}

/// Carries the loop to its thread.
private final class HTTPLoopBox: @unchecked Sendable {
    // Sendable: the loop is used by the one thread that runs it.
    private let loop: HTTPLoop
    init(_ loop: HTTPLoop) { self.loop = loop }
    func run() { loop.run() }
}
