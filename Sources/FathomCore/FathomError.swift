/// What went wrong, in the form a person can act on.
///
/// Printed on one line: `cannot OPERATION SUBJECT: CAUSE. REMEDY`.
public struct FathomError: Error, Hashable, Sendable, CustomStringConvertible {
    /// How the program ends on this error; the raw value is the exit code.
    public enum Code: Int32, Sendable {
        /// The work failed.
        case failed = 1
        /// Done, but the input was damaged and `--strict` was asked for.
        case damaged = 3
        /// Wrong usage: an option, a configuration key, a name.
        case usage = 64
        /// Interrupted by the person; what was written is playable.
        case interrupted = 130
    }

    /// The exit code.
    public var code: Code
    /// What was being done, as a verb: "open", "decode", "write".
    public var operation: String
    /// On what: a file, a stream, an option.
    public var subject: String
    /// Why it failed, with the library's own words where there are any.
    public var cause: String
    /// What to do about it, as a sentence; empty when nothing sensible can be said.
    public var remedy: String

    /// Makes an error; `cause` and `remedy` are written without a final full stop.
    public init(
        _ code: Code = .failed, operation: String, subject: String, cause: String,
        remedy: String = ""
    ) {
        self.code = code
        self.operation = operation
        self.subject = subject
        self.cause = cause
        self.remedy = remedy
    }

    /// The one line.
    public var description: String {
        let start = "cannot \(operation) \(subject): \(cause)".replacingNewlines
        return remedy.isEmpty ? start : "\(start). \(remedy)".replacingNewlines
    }
}

extension String {
    fileprivate var replacingNewlines: String {
        String(map { $0.isNewline ? " " : $0 })
    }
}
