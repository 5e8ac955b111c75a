import Glibc

/// The system calls that a camera is used by, so that tests can put a device of their own behind them.
package protocol VideoDevice: AnyObject {
    /// One `ioctl`: 0, or the error number.
    func control(_ request: UInt, _ argument: UnsafeMutableRawPointer) -> Int32
    /// Maps a buffer of the device; `nil` when it can't be mapped.
    func map(length: Int, offset: Int) -> UnsafeMutableRawPointer?
    /// Takes a mapping away.
    func unmap(_ memory: UnsafeMutableRawPointer, length: Int)
    /// Waits for a picture: true when there is one or the device has an error, false when the time is over.
    func wait(milliseconds: Int32) -> Bool
    /// Closes the device; nothing else is called afterwards.
    func close()
}

/// How a device is opened: the device, or the error number.
package typealias VideoDeviceOpener = (_ path: String) -> Result<any VideoDevice, SystemError>

/// An error number of the system.
package struct SystemError: Error {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    /// The system's words for it.
    var words: String { String(cString: strerror(number)) }
}

/// A device of the kernel.
package final class KernelVideoDevice: VideoDevice {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Opens a device file without waiting.
    package static func open(_ path: String) -> Result<any VideoDevice, SystemError> {
        let descriptor = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(SystemError(errno)) }
        return .success(KernelVideoDevice(descriptor))
    }

    package func control(_ request: UInt, _ argument: UnsafeMutableRawPointer) -> Int32 {
        while ioctl(descriptor, request, argument) < 0 {
            if errno != EINTR { return errno }
        }
        return 0
    }

    package func map(length: Int, offset: Int) -> UnsafeMutableRawPointer? {
        let memory = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, offset)
        return memory == MAP_FAILED ? nil : memory
    }

    package func unmap(_ memory: UnsafeMutableRawPointer, length: Int) { munmap(memory, length) }

    package func wait(milliseconds: Int32) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, milliseconds) > 0
    }

    package func close() { _ = Glibc.close(descriptor) }
}

extension VideoDevice {
    /// One `ioctl` on a structure: 0, or the error number.
    func control<T>(_ request: UInt, _ value: inout T) -> Int32 {
        withUnsafeMutablePointer(to: &value) { control(request, UnsafeMutableRawPointer($0)) }
    }
}
