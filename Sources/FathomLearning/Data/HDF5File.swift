import CHDF5
import FathomCore

/// An HDF5 file that is read; the library is entered by one thread at a time, whether it was built for more or not.
final class HDF5File: @unchecked Sendable {
    // Sendable: `file` is used with `gate` held only.
    private static let gate = Condition()
    let path: String
    private let file: hid_t

    /// Opens a file; one of another format is an error that names what it is where that can be seen.
    init(_ path: String) throws(FathomError) {
        self.path = path
        let head = try FileBytes.head(path, count: 128)
        if head.starts(with: Array("MATLAB 5.0".utf8)) {
            throw FathomError(
                operation: "open", subject: path,
                cause: "it is a MAT-file of the older format 5 (save -v7 or before), not HDF5",
                remedy:
                    "Use the file of format 7.3: in MATLAB, load it and write save('NAME.mat', '-v7.3')"
            )
        }
        file = Self.gate.withLock {
            fathom_h5_be_quiet()
            return fathom_h5_open(path)
        }
        guard file >= 0 else {
            throw FathomError(
                operation: "open", subject: path, cause: "it is no HDF5 file, or a damaged one",
                remedy: "Copy it again; NYU Depth V2's labelled file is HDF5 (MATLAB 7.3)")
        }
    }

    deinit { _ = Self.gate.withLock { H5Fclose(file) } }

    private func failure(_ name: String, _ cause: String) -> FathomError {
        FathomError(
            operation: "read", subject: "\(path): \(name)", cause: cause,
            remedy: "Check that it is the file that the data set publishes, and complete")
    }

    /// Opens a data set for the length of a closure that gets its handle and its axes.
    private func with<R>(
        _ name: String, _ body: (hid_t, [Int]) throws(FathomError) -> R
    ) throws(FathomError) -> R {
        try Self.gate.withLock { () throws(FathomError) -> R in
            let set = H5Dopen2(file, name, fathom_h5_default)
            guard set >= 0 else { throw failure(name, "it has no such data set") }
            defer { H5Dclose(set) }
            return try body(set, try axes(set, name))
        }
    }

    private func axes(_ set: hid_t, _ name: String) throws(FathomError) -> [Int] {
        let space = H5Dget_space(set)
        guard space >= 0 else { throw failure(name, "its shape can't be read") }
        defer { H5Sclose(space) }
        let rank = Int(H5Sget_simple_extent_ndims(space))
        guard (0...8).contains(rank) else { throw failure(name, "it has \(rank) axes") }
        var lengths = [hsize_t](repeating: 0, count: max(rank, 1))
        guard H5Sget_simple_extent_dims(space, &lengths, nil) >= 0 else {
            throw failure(name, "its shape can't be read")
        }
        let result = lengths.prefix(rank).map { Int(clamping: $0) }
        var count = 1
        for length in result {
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard !overflow, product <= 1 << 40 else {
                throw failure(name, "its shape \(result) is impossible")
            }
            count = product
        }
        return result
    }

    /// The lengths of a data set's axes.
    func shape(_ name: String) throws(FathomError) -> [Int] {
        try with(name) { (_, axes) throws(FathomError) in axes }
    }

    /// Whether there is a data set of that name.
    func has(_ name: String) -> Bool {
        Self.gate.withLock { H5Lexists(file, name, fathom_h5_default) > 0 }
    }

    /// All elements at one place of the first axis, as floating point; of the whole where `index` is nil.
    func floats(_ name: String, at index: Int?) throws(FathomError) -> [Float] {
        try elements(name, at: index, type: fathom_h5_float(), zero: Float(0))
    }

    /// As `floats(_:at:)`, as bytes.
    func bytes(_ name: String, at index: Int?) throws(FathomError) -> [UInt8] {
        try elements(name, at: index, type: fathom_h5_bytes(), zero: UInt8(0))
    }

    private func elements<T: BitwiseCopyable>(
        _ name: String, at index: Int?, type: hid_t, zero: T
    ) throws(FathomError) -> [T] {
        try with(name) { (set, axes) throws(FathomError) in
            var wanted = axes
            if let index {
                guard let first = axes.first, (0..<first).contains(index) else {
                    throw failure(name, "it has no place \(index) along its first axis")
                }
                wanted[0] = 1
            }
            let count = wanted.reduce(1, *)
            guard count <= Shape.largestCount else { throw failure(name, "it is too large") }
            let space = H5Dget_space(set)
            defer { H5Sclose(space) }
            var start = [hsize_t](repeating: 0, count: max(axes.count, 1))
            if let index { start[0] = hsize_t(index) }
            let lengths = wanted.map { hsize_t($0) }
            guard count > 0,
                H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nil, lengths, nil) >= 0
            else { throw failure(name, "it is empty") }
            let memory = H5Screate_simple(Int32(lengths.count), lengths, nil)
            defer { H5Sclose(memory) }
            var values = [T](repeating: zero, count: count)
            guard H5Dread(set, type, memory, space, fathom_h5_default, &values) >= 0 else {
                throw failure(name, "its elements can't be read: damaged, or of another type")
            }
            return values
        }
    }

    /// The texts that a data set of references points at, as MATLAB's cell arrays of strings are stored.
    func texts(_ name: String) throws(FathomError) -> [String] {
        func lengths(_ set: hid_t) throws(FathomError) -> [Int] { try axes(set, name) }
        return try with(name) { (set, axes) throws(FathomError) in
            let count = axes.reduce(1, *)
            guard count > 0, count <= 1 << 20 else { throw failure(name, "it has \(count) texts") }
            let kind = H5Dget_type(set)
            defer { H5Tclose(kind) }
            guard H5Tget_class(kind) == H5T_REFERENCE, H5Tget_size(kind) == 8 else {
                throw failure(name, "its elements aren't references")
            }
            var references = [hobj_ref_t](repeating: 0, count: count)
            guard
                H5Dread(
                    set, fathom_h5_reference(), fathom_h5_everything, fathom_h5_everything,
                    fathom_h5_default, &references) >= 0
            else { throw failure(name, "its references can't be read") }
            var texts: [String] = []
            for index in references.indices {
                let target = withUnsafePointer(to: references[index]) {
                    H5Rdereference2(set, fathom_h5_default, H5R_OBJECT, $0)
                }
                guard target >= 0 else { throw failure(name, "reference \(index) leads nowhere") }
                defer { H5Oclose(target) }
                guard H5Iget_type(target) == H5I_DATASET else {
                    throw failure(name, "reference \(index) isn't to a text")
                }
                let length = try lengths(target).reduce(1, *)
                guard length <= 4096 else { throw failure(name, "text \(index) is too long") }
                var characters = [UInt16](repeating: 0, count: max(length, 1))
                guard
                    H5Dread(
                        target, fathom_h5_shorts(), fathom_h5_everything, fathom_h5_everything,
                        fathom_h5_default, &characters) >= 0
                else { throw failure(name, "text \(index) can't be read") }
                texts.append(String(decoding: characters.prefix(length), as: UTF16.self))
            }
            return texts
        }
    }
}
