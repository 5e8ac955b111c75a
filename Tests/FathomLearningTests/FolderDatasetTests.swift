import FathomCore
import FathomLearning
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite struct FolderDatasetTests {
    @Test("JSONL rows: 16-bit PNG with its scale, half floats' sky, poses, clips, the other eye")
    func jsonLines() throws {
        let folder = try TemporaryFolder()
        for name in ["a.png", "b.png", "b-right.png"] {
            try StillImage.writePNG(DataFixtures.picture(3, 2), to: folder.path(name))
        }
        try folder.write(
            "a16.png", DataFixtures.grayPNG([0, 1000, 2500, 65535, 1, 2], width: 3))
        try NumpyFile.write(
            Tensor(shape: [2, 3], values: [1, 2, 3, .infinity, 0, 5]), to: folder.path("b.npy"))
        let identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1].map { "\($0)" }
        let list = try folder.write(
            "list.jsonl",
            Data(
                """
                {"rgb": "a.png", "depth": "a16.png", "scale": 1000, "clip": "c", "fx": 7, "pose": [\(identity.joined(separator: ","))]}
                {"rgb": "b.png", "depth": "b.npy", "clip": "c", "other": "b-right.png", "baseline": 0.12}
                """.utf8))
        let dataset = try FolderDataset(list: list)
        let first = try dataset.sample(0)
        #expect(first.depth.values == [0, 1, 2.5, 65.535, 0.001, 0.002])
        #expect(first.intrinsics?.fx == 7 && first.intrinsics?.cy == 1)
        #expect(first.pose?.count == 16)
        #expect(dataset.neighbour(of: 0, by: 1) == 1 && dataset.neighbour(of: 1, by: 1) == nil)
        #expect(try dataset.sample(1).depth.values == [1, 2, 3, .infinity, 0, 5])
        #expect(try dataset.otherEye(1)?.baseline == 0.12)
        #expect(try dataset.otherEye(0) == nil)
    }

    @Test("a rendered folder is read back as it was rendered, clips, poses and flow with it")
    func synthesized() throws {
        let folder = try TemporaryFolder()
        var export = SyntheticExport(folder: folder.path("set"))
        export.count = 6
        export.options.seed = 5
        (export.options.width, export.options.height) = (40, 24)
        export.options.clipLength = 3
        export.threads = 2
        let result = try export.run()
        #expect(result.pictures == 6 && result.scenes == 2)
        var options = export.options
        options.withFlow = true
        let rendered = SyntheticDataset(options, split: .train, count: 6)
        let read = try FolderDataset(list: result.list)
        #expect(read.count == 6)
        for index in 0..<6 {
            let (one, other) = (try rendered.sample(index), try read.sample(index))
            #expect(one.picture.values == other.picture.values)
            #expect(one.depth.values == other.depth.values && one.intrinsics == other.intrinsics)
            #expect(one.pose == other.pose && one.scene == other.scene)
            #expect(one.flow?.values.map(\.bitPattern) == other.flow?.values.map(\.bitPattern))
            #expect(read.neighbour(of: index, by: 1) == rendered.neighbour(of: index, by: 1))
        }
        #expect(throws: FathomError.self) { try export.run() }
    }

    @Test("what is wrong with a list or its files is said before the first step, with the file")
    func badInput() throws {
        let folder = try TemporaryFolder()
        func cause(_ list: String) -> String {
            do {
                let data = try PreparedData(
                    DataFixtures.configuration(
                        "{kind: folder, root: \(list), split: {train: 1}, size: 12x8}"))
                try data.verify(.train)
                return "none"
            } catch { return error.description }
        }
        let list = try DataFixtures.folder(folder, count: 3)
        #expect(cause(list) == "none")
        let good = try Data(contentsOf: URL(fileURLWithPath: folder.path("1.npy")))

        try NumpyFile.write(
            Tensor(shape: [8, 12], values: [Float](repeating: .nan, count: 96)),
            to: folder.path("1.npy"))
        #expect(cause(list).contains("1.png: its depth has NaN"))
        try NumpyFile.write(
            Tensor(shape: [8, 12], values: [Float](repeating: -1, count: 96)),
            to: folder.path("1.npy"))
        #expect(cause(list).contains("negative"))
        try NumpyFile.write(Tensor(shape: [8, 12]), to: folder.path("1.npy"))
        #expect(cause(list).contains("no depth of it is known"))
        try NumpyFile.write(
            Tensor(shape: [4, 4], values: [Float](repeating: 1, count: 16)),
            to: folder.path("1.npy"))
        #expect(cause(list).contains("They must have the same size"))
        try FileManager.default.removeItem(atPath: folder.path("1.npy"))
        #expect(cause(list).contains("1.npy: there is no such file"))
        try folder.write("1.npy", good)
        #expect(cause(list) == "none")

        #expect(cause(folder.path("absent.csv")).contains("No such file"))
        #expect(cause(folder.path("")).contains("it is a folder"))
        for (text, part) in [
            ("depth\na.npy\n", "no column 'rgb'"), ("rgb,dept\na,b\n", "Did you mean 'depth'?"),
            ("rgb,depth\na\n", "1 values for 2 columns"), ("rgb,depth\n", "no rows"),
            ("rgb,depth,fx\na,b,wide\n", "'fx' is 'wide'"),
            ("rgb,depth\n0.png,1.png\n", "no scale"), ("rgb\n0.png\n", "has no depth"),
        ] {
            let path = try folder.write("bad.csv", Data(text.utf8))
            #expect(cause(path).contains(part), "\(text): \(cause(path))")
        }
        let lines = try folder.write("bad.jsonl", Data("{\"rgb\": 3}\n".utf8))
        #expect(cause(lines).contains("line 1 is no row"))
        let quoted = try folder.write(
            "quoted.csv", Data("rgb,depth,scene\n\"0.png\",0.npy,\"a, \"\"b\"\"\"\n".utf8))
        #expect(try FolderDataset(list: quoted).scene(0) == "a, \"b\"")
    }
}
