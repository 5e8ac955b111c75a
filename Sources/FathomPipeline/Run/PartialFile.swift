import FathomCore
import FathomMedia

/// A file that bears a passing name until it is whole; `-` is standard output.
final class PartialFile {
    private let names: OutputNames
    private let sink: FileSink

    /// Checks that the file may be written and creates it under its passing name.
    init(path: String, overwrites: Bool) throws(FathomError) {
        names = OutputNames(path: path)
        if path != "-" { try names.check(overwrites: overwrites, input: nil) }
        sink = try FileSink(path: names.partial)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(FathomError) { try sink.write(bytes) }

    /// Closes the file and gives it its name.
    func finish() throws(FathomError) {
        try sink.close()
        if names.final != "-" { try names.publish(names.partial) }
    }

    /// Leaves what was written under the passing name.
    func abandon() {
        do { try sink.close() } catch {
            // The error that ended the writing is the one to report.
        }
    }
}
