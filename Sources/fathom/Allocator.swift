import Foundation

/// Bounds on what the C library keeps of freed memory.
enum Allocator {
    /// Parameters of mallopt(3), which the Glibc module doesn't import.
    private static let arenaMax: Int32 = -8
    private static let mmapThreshold: Int32 = -3

    /// Every input has threads of its own, and each thread an arena: without bounds a long batch keeps what all of
    /// them freed. To be called before any thread starts.
    static func bound() {
        guard let symbol = dlsym(dlopen(nil, RTLD_NOW), "mallopt") else { return }
        typealias Mallopt = @convention(c) (Int32, Int32) -> Int32
        let mallopt = unsafeBitCast(symbol, to: Mallopt.self)
        _ = mallopt(arenaMax, 2)
        _ = mallopt(mmapThreshold, 1 << 18)
    }
}
