import Foundation
import Synchronization

/// A program started by a test, whose end is noticed at once.
///
/// Foundation's `Process` hears of an end by a run loop, which comes seconds late where many run side by side.
final class ChildProcess: Sendable {
    let pid: pid_t
    private let ending = Mutex<Int32?>(nil)

    /// Starts a program. Each of the three standard streams is a descriptor of the test's; -1 stands for none.
    init(
        _ path: String, _ arguments: [String], folder: String? = nil,
        environment: [String: String] = [:], input: Int32 = -1, output: Int32 = -1,
        errors: Int32 = -1
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in [(Int32(0), input), (1, output), (2, errors)] {
            if descriptor >= 0 {
                posix_spawn_file_actions_adddup2(&actions, descriptor, number)
            } else {
                posix_spawn_file_actions_addopen(
                    &actions, number, "/dev/null", number == 0 ? O_RDONLY : O_WRONLY, 0)
            }
        }
        // It inherits nothing else: a pipe of another program's would never come to its end.
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            if let number = Int32(name), number > 2 {
                posix_spawn_file_actions_addclose(&actions, number)
            }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var usual = sigset_t()
        sigemptyset(&usual)
        sigaddset(&usual, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let command = folder.map { ["/usr/bin/env", "-C", $0, path] } ?? [path]
        let words = (command + arguments).map { strdup($0) } + [nil]
        let values = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { (words + values).forEach { free($0) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, command[0], &actions, &attributes, words, values)
        guard code == 0 else {
            throw LivePart.Failure(
                description: "\(path) can't be started: \(String(cString: strerror(code)))")
        }
        self.pid = pid
    }

    /// How it ended: the exit code, or the signal as a negative number; `nil` while it runs.
    var status: Int32? {
        ending.withLock { ending in
            if ending != nil { return ending }
            var word: Int32 = 0
            guard waitpid(pid, &word, WNOHANG) == pid else { return nil }
            ending = word & 0x7f == 0 ? (word >> 8) & 0xff : -(word & 0x7f)
            return ending
        }
    }

    var isRunning: Bool { status == nil }

    /// Sends a signal, unless it has ended.
    func send(_ signal: Int32) {
        if isRunning { kill(pid, signal) }
    }
}

/// A pipe that programs don't inherit unless they are given it.
struct PipeEnds {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw LivePart.Failure(description: "no pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }
}

/// Reads a descriptor to its end on a thread of its own, and closes it.
func drain(_ descriptor: Int32, _ take: @escaping @Sendable (Data?) -> Void) {
    Thread.detachNewThread {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 {
            take(Data(buffer[..<count]))
        }
        close(descriptor)
        take(nil)
    }
}
