import FathomCore
import Glibc

/// Why a camera can't be used, in the terms of a live source.
struct CameraTrouble: Error {
    let reason: LiveFailure.Reason
    let cause: String
    let remedy: String

    /// The cause and what to do about it.
    var sentence: String { remedy.isEmpty ? cause : "\(cause). \(remedy)" }

    /// Why a device file can't be opened.
    init(openingFailedWith error: SystemError) {
        switch error.number {
        case ENOENT:
            self.init(
                .notFound, "there is no such device",
                "'fathom doctor --cameras' lists the cameras")
        case EACCES, EPERM:
            self.init(
                .other, "this user may not use it",
                "Add the user to the group 'video', and log in again")
        case EBUSY: self = .busy
        case ENODEV, ENXIO: self = .unplugged
        default: self.init(.other, error.words)
        }
    }

    /// Why a call on an open device failed; `what` is what could not be done.
    init(_ what: String, failedWith error: SystemError) {
        switch error.number {
        case ENODEV, ENXIO, EBADF: self = .unplugged
        case EBUSY: self = .busy
        case ENOTTY:
            self.init(
                .notFound, "it is not a camera", "'fathom doctor --cameras' lists the cameras")
        case ENOSPC:
            self.init(
                .other, "the bus has no room for this size and rate",
                "Choose --input-format mjpeg, a smaller --input-size, or another port")
        case ENOMEM: self.init(.other, "\(what): there is not enough memory")
        default: self.init(.other, "\(what): \(error.words)")
        }
    }

    init(_ reason: LiveFailure.Reason, _ cause: String, _ remedy: String = "") {
        self.reason = reason
        self.cause = cause
        self.remedy = remedy
    }

    static let unplugged = CameraTrouble(.unplugged, "the camera went away", "Plug it in again")
    static let busy = CameraTrouble(
        .busy, "another program uses it", "End that program: 'fuser -v /dev/video*' names it")

    /// As a failure of a source.
    func failure(_ operation: String, _ address: LiveAddress) -> LiveFailure {
        LiveFailure(reason, operation, address, cause: cause, remedy: remedy)
    }
}
