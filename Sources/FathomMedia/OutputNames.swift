import FathomCore
import Glibc

/// The names a file has on its way: in work, rewritten, final.
package struct OutputNames {
    package let final: String
    package let partial: String
    let rewritten: String

    package init(path: String) {
        final = path
        guard path != "-" else {
            partial = path
            rewritten = path
            return
        }
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let dot = path[slash...].lastIndex(of: ".") ?? path.endIndex
        partial = path[..<dot] + ".partial" + path[dot...]
        rewritten = path[..<dot] + ".partial.index" + path[dot...]
    }

    /// Throws when the file may not or can not be written; before anything slow is done.
    package func check(overwrites: Bool, input: MediaInput?) throws(FathomError) {
        let folder = final.lastIndex(of: "/").map { String(final[..<$0]) } ?? "."
        var status = stat()
        guard stat(folder.isEmpty ? "/" : folder, &status) == 0 else {
            throw OutputFile.error(final, errno)
        }
        guard access(folder.isEmpty ? "/" : folder, W_OK) == 0 else {
            throw OutputFile.error(final, errno)
        }
        guard stat(final, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR { throw OutputFile.error(final, EISDIR) }
        if isSame(status, as: input) {
            throw FathomError(
                .usage, operation: "write", subject: final, cause: "it is the input itself",
                remedy: "Choose another name with -o")
        }
        guard overwrites else {
            throw FathomError(
                operation: "write", subject: final, cause: "the file exists",
                remedy: "Use --overwrite to replace it, or choose another name with -o")
        }
    }

    private func isSame(_ output: stat, as input: MediaInput?) -> Bool {
        let paths: [String] =
            switch input {
            case .file(let path): [path]
            case .pictures(let paths, _): paths
            case .standardInput, nil: []
            }
        return paths.contains { path in
            var status = stat()
            return stat(path, &status) == 0 && status.st_ino == output.st_ino
                && status.st_dev == output.st_dev
        }
    }

    /// Gives a finished file its final name, in one step.
    package func publish(_ finished: String) throws(FathomError) {
        guard rename(finished, final) == 0 else { throw OutputFile.error(final, errno) }
    }

    /// Size of the final file in bytes.
    package var size: Int64 {
        var status = stat()
        return stat(final, &status) == 0 ? Int64(status.st_size) : 0
    }
}
