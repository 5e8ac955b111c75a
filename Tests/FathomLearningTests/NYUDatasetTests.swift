import CHDF5
import FathomCore
import FathomLearning
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct NYUDatasetTests {
    private static let (count, width, height) = (3, 4, 3)

    /// Writes a data set of an HDF5 file.
    private func put<T: BitwiseCopyable>(
        _ file: hid_t, _ name: String, _ axes: [Int], _ type: hid_t, _ values: [T]
    ) {
        let lengths = axes.map { hsize_t($0) }
        let space = H5Screate_simple(Int32(axes.count), lengths, nil)
        let set = H5Dcreate2(
            file, name, type, space, fathom_h5_default, fathom_h5_default, fathom_h5_default)
        _ = values.withUnsafeBytes {
            H5Dwrite(
                set, type, fathom_h5_everything, fathom_h5_everything, fathom_h5_default,
                $0.baseAddress)
        }
        H5Dclose(set)
        H5Sclose(space)
    }

    /// The value of a picture's channel at a row and column, as MATLAB's `images(row, column, channel, n)`.
    private func byte(_ n: Int, _ channel: Int, _ row: Int, _ column: Int) -> UInt8 {
        UInt8(n * 60 + channel * 20 + row * 5 + column)
    }

    /// The labelled file in miniature, with MATLAB's axes: written, HDF5 has them reversed.
    private func labelled(_ path: String) {
        let (count, width, height) = (Self.count, Self.width, Self.height)
        let file = fathom_h5_create(path)
        var images: [UInt8] = []
        var depths: [Float] = []
        for n in 0..<count {
            for channel in 0..<3 {
                for column in 0..<width {
                    for row in 0..<height { images.append(byte(n, channel, row, column)) }
                }
            }
            for column in 0..<width {
                for row in 0..<height { depths.append(Float(100 * n + 10 * row + column + 1) / 10) }
            }
        }
        put(file, "images", [count, 3, width, height], fathom_h5_bytes(), images)
        put(file, "depths", [count, width, height], fathom_h5_float(), depths)
        put(
            file, "rawDepths", [count, width, height], fathom_h5_float(),
            depths.enumerated().map { $0.offset % 2 == 0 ? $0.element : 0 })
        var references: [hobj_ref_t] = []
        for (index, name) in ["kitchen_0001", "kitchen_0001", "office_0002"].enumerated() {
            let text = Array(name.utf16)
            put(file, "text\(index)", [text.count, 1], fathom_h5_shorts(), text)
            var reference = hobj_ref_t()
            H5Rcreate(&reference, file, "text\(index)", H5R_OBJECT, -1)
            references.append(reference)
        }
        put(file, "scenes", [1, count], fathom_h5_reference(), references)
        H5Fclose(file)
    }

    private func data(_ root: String, _ more: String = "") throws(FathomError) -> PreparedData {
        try PreparedData(
            DataFixtures.configuration(
                "{kind: nyu, root: \(root), size: 4x3, split: {train: 1}\(more)}"))
    }

    @Test("the labelled file: axes turned back, red green blue, scenes by name, filled or raw")
    func labelledFile() throws {
        let folder = try TemporaryFolder()
        labelled(folder.path("nyu.mat"))
        for truth in ["filled", "raw"] {
            let data = try data(folder.path("nyu.mat"), ", truth: \(truth)")
            #expect(data.count(.train) == 3)
            for n in 0..<3 {
                let sample = try data.sample(.train, n)
                #expect(sample.scene == (n < 2 ? "kitchen_0001" : "office_0002"))
                #expect(sample.name == "\(sample.scene)/\(n + 1)")
                for row in 0..<Self.height {
                    for column in 0..<Self.width {
                        for channel in 0..<3 {
                            let at = (channel * Self.height + row) * Self.width + column
                            #expect(
                                sample.picture.values[at]
                                    == Float(byte(n, channel, row, column)) / 255)
                        }
                        let isKept = truth == "filled" || (n * 12 + column * 3 + row) % 2 == 0
                        let metres = Float(100 * n + 10 * row + column + 1) / 10
                        #expect(
                            sample.depth.values[row * Self.width + column] == (isKept ? metres : 0))
                    }
                }
            }
        }
        let parts = try PreparedData(
            DataFixtures.configuration(
                "{kind: nyu, root: \(folder.path("nyu.mat")), size: 4x3, split: {train: 0.6, test: 0.4}}"
            ))
        #expect(parts.count(.train) + parts.count(.test) == 3)
        #expect(try parts.scene(.train, 0) != parts.scene(.test, 0))
    }

    @Test("pictures are counted from 1 in list files, as splits.mat does")
    func lists() throws {
        let folder = try TemporaryFolder()
        labelled(folder.path("nyu.mat"))
        let list = try folder.write("test.txt", Data("3\n1\n".utf8))
        let data = try PreparedData(
            DataFixtures.configuration(
                "{kind: nyu, root: \(folder.path("nyu.mat")), split: {test: \(list)}}"))
        #expect(try data.name(.test, 0) == "office_0002/3")
        #expect(try data.name(.test, 1) == "kitchen_0001/1")
    }

    @Test("a .mat file of the older format is named as such; so is what isn't HDF5 or is cut short")
    func otherFiles() throws {
        let folder = try TemporaryFolder()
        func cause(_ name: String) -> String {
            do {
                _ = try data(folder.path(name))
                return "none"
            } catch { return error.description }
        }
        try folder.write(
            "old.mat",
            Data("MATLAB 5.0 MAT-file, Platform: GLNXA64".utf8) + Data(repeating: 0, count: 200))
        #expect(cause("old.mat").contains("older format 5") && cause("old.mat").contains("-v7.3"))
        try folder.write("text.mat", Data("something else".utf8))
        #expect(cause("text.mat").contains("no HDF5 file"))
        labelled(folder.path("nyu.mat"))
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path("nyu.mat")))
        try folder.write("short.mat", whole.prefix(whole.count / 3))
        #expect(cause("short.mat").contains("no HDF5 file"))
        let file = fathom_h5_create(folder.path("other.mat"))
        put(file, "images", [2, 3, 4, 3], fathom_h5_bytes(), [UInt8](repeating: 1, count: 72))
        put(file, "depths", [2, 3, 4], fathom_h5_float(), [Float](repeating: 1, count: 24))
        H5Fclose(file)
        #expect(cause("other.mat").contains("'images' are [2, 3, 4, 3] and its 'depths' [2, 3, 4]"))
        #expect(cause("absent.mat").contains("there is no such file"))
    }

    @Test("shards of one picture a file")
    func shards() throws {
        let folder = try TemporaryFolder()
        for scene in ["a", "b"] {
            try FileManager.default.createDirectory(
                atPath: folder.path("train/\(scene)"), withIntermediateDirectories: true)
            let file = fathom_h5_create(folder.path("train/\(scene)/00001.h5"))
            put(file, "rgb", [3, 3, 4], fathom_h5_bytes(), (0..<36).map { UInt8($0) })
            put(file, "depth", [3, 4], fathom_h5_float(), (0..<12).map { Float($0) })
            H5Fclose(file)
        }
        let data = try data(folder.path(""))
        #expect(data.count(.train) == 2)
        let sample = try data.sample(.train, 1)
        #expect(sample.scene == "b" && sample.name == "train/b/00001.h5")
        #expect(sample.picture.values == (0..<36).map { Float($0) / 255 })
        #expect(sample.depth.values == (0..<12).map { Float($0) })
    }

    @Test(
        "folders of pictures and 16-bit PNG in millimetres, under each of the names in use",
        arguments: [
            ("s/rgb_00001.png", "s/sync_depth_00001.png"), ("s/7_colors.png", "s/7_depth.png"),
            ("s/rgb/7.png", "s/depth/7.png"),
        ])
    func folders(picture: String, depth: String) throws {
        let folder = try TemporaryFolder()
        for name in [picture, depth] {
            try FileManager.default.createDirectory(
                at: folder.url.appendingPathComponent(name).deletingLastPathComponent(),
                withIntermediateDirectories: true)
        }
        let pixels = DataFixtures.picture(3, 1)
        try StillImage.writePNG(pixels, to: folder.path(picture))
        try folder.write(depth, DataFixtures.grayPNG([0, 1500, 9000], width: 3))
        let data = try data(folder.path(""))
        #expect(data.count(.train) == 1)
        let sample = try data.sample(.train, 0)
        #expect(sample.depth.values == [0, 1.5, 9] && sample.scene == "s")
        #expect(sample.picture.values == pixels.values)
        // A picture that lost its depth is an error that names it.
        let lone = picture.replacingOccurrences(of: "7", with: "8")
            .replacingOccurrences(of: "00001", with: "00002")
        try StillImage.writePNG(pixels, to: folder.path(lone))
        let broken = try self.data(folder.path(""))
        let error = #expect(throws: FathomError.self) { try broken.verify(.train) }
        #expect(error?.subject.hasSuffix(lone) == true)
    }
}
