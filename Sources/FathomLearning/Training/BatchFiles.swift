import FathomCore
import Foundation

/// Batches as folders of `.npy` files, for a person or an outside program to look at.
enum BatchFiles {
    /// Writes each tensor as `NAME.npy` into a folder, which is made.
    static func write(_ batch: [String: Tensor], to folder: String) throws(FathomError) {
        try FolderMaking.make(folder)
        for (name, tensor) in batch {
            let safe = name.replacing("/", with: "_").replacing(":", with: "_")
            try NumpyFile.write(tensor, to: "\(folder)/\(safe).npy")
        }
    }
}

/// Makes folders.
enum FolderMaking {
    /// Makes a folder and those above it, unless it is there.
    static func make(_ path: String) throws(FathomError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            throw FathomError(
                operation: "make", subject: "the folder \(path)",
                cause: error.localizedDescription, remedy: "Choose a place that may be written")
        }
    }
}
