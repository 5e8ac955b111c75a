import Glibc

/// The machine's clocks. Media time never comes from here.
public enum SystemClock {
    /// Nanoseconds since some fixed moment, never going back.
    public static var monotonicNanoseconds: UInt64 { read(CLOCK_MONOTONIC) }

    /// Nanoseconds since 1970-01-01 UTC.
    public static var wallNanoseconds: UInt64 { read(CLOCK_REALTIME) }

    /// Nanoseconds that the calling thread has spent on processors.
    public static var threadNanoseconds: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Peak resident memory of this process in MiB.
    ///
    /// Not `ru_maxrss`: that includes the process which started this one.
    public static var peakMemoryMB: Double {
        statusMB("VmHWM:") ?? Double(usage.ru_maxrss) / 1024
    }

    /// Resident memory of this process at this moment, in MiB; 0 when the system doesn't say.
    public static var memoryMB: Double { statusMB("VmRSS:") ?? 0 }

    /// A number of KiB in the kernel's account of this process, as MiB.
    private static func statusMB(_ key: String) -> Double? {
        guard let file = fopen("/proc/self/status", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            guard strncmp(line, key, key.utf8.count) == 0 else { continue }
            return line.withUnsafeBufferPointer { bytes in
                bytes.baseAddress.map { Double(strtoll($0 + key.utf8.count, nil, 10)) / 1024 }
            }
        }
        return nil
    }

    /// Seconds that all threads of this process have spent on processors, in user and system mode.
    public static var processorSeconds: Double {
        let (user, system) = (usage.ru_utime, usage.ru_stime)
        return Double(user.tv_sec + system.tv_sec) + Double(user.tv_usec + system.tv_usec) / 1e6
    }

    private static var usage: rusage {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage
    }
}

/// Sleeps for some seconds; a signal may end it early.
public func pause(seconds: Double) { usleep(UInt32(max(0, min(seconds, 60)) * 1e6)) }
