import CZlib
import FathomCore
import FathomDepth
import FathomPipeline
import Foundation
import TestSupport
import Testing

@Suite struct DepthFilesTests {
    private let values: [Float] = [1, 2, 3, 4, 5, .nan]

    @Test("a NumPy file has a header that NumPy reads, then float32 row by row")
    func npy() throws {
        let file = try write(.npy, values)
        #expect(Array(file[..<8]) == [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0])
        let length = Int(file[8]) + 256 * Int(file[9])
        #expect((10 + length) % 64 == 0)
        let header = String(decoding: file[10..<10 + length], as: UTF8.self)
        #expect(
            header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }")
                && header.hasSuffix("\n"))
        #expect(floats(file[(10 + length)...]).map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test("a portable float map is little-endian, bottom row first")
    func pfm() throws {
        let file = try write(.pfm, values)
        let header = Array("Pf\n3 2\n-1.0\n".utf8)
        #expect(file.starts(with: header))
        let wanted: [Float] = [4, 5, .nan, 1, 2, 3]
        #expect(floats(file[header.count...]).map(\.bitPattern) == wanted.map(\.bitPattern))
    }

    @Test(
        "an EXR file has one channel, Z only if it is depth, kind and unit, and is read back to the bit"
    )
    func exr() throws {
        for (kind, channel) in [(DepthKind.inverseDepth, "inverseDepth"), (.metres, "Z")] {
            let folder = try TemporaryFolder()
            let conversion = try DepthConversion(from: kind, to: nil)
            let writer = try DepthFolderWriter(
                .init(folder: folder.url.path, format: .exr, conversion: conversion),
                header: .test)
            // More rows than a compressed chunk has, and not a multiple of them.
            let values = (0..<3 * 37).map { $0 == 5 ? .nan : Float($0) / 7 }
            try writer.write(values, width: 3, height: 37)
            try writer.finish()
            let file = try folder.bytes("00000000.exr")
            #expect(Array(file[..<4]) == [0x76, 0x2f, 0x31, 0x01])
            let text = String(decoding: file, as: UTF8.self)
            #expect(text.contains(channel) && text.contains(kind.rawValue))
            #expect(text.contains(conversion.unit.rawValue))
            let read = try OpenEXRFile.read(folder.path("00000000.exr"))
            #expect(read.shape == [37, 3])
            #expect(read.values.map(\.bitPattern) == values.map(\.bitPattern))
        }
    }

    @Test(
        "an EXR file that is cut or has wrong bytes anywhere is an error or a picture, never the end"
    )
    func brokenEXR() throws {
        let whole = try write(.exr, values)
        let folder = try TemporaryFolder()
        for end in stride(from: 0, to: whole.count, by: 5) {
            let path = try folder.write("cut.exr", Data(whole[..<end]))
            #expect(throws: FathomError.self) { try OpenEXRFile.read(path) }
        }
        var errors = 0
        for place in whole.indices {
            for value in [UInt8(0), 0x7f, 0xff] {
                var bytes = whole
                bytes[place] = value
                let path = try folder.write("wrong.exr", Data(bytes))
                do {
                    #expect(try OpenEXRFile.read(path).count > 0)
                } catch { errors += 1 }
            }
        }
        #expect(errors > 100)
    }

    @Test("an npz archive holds depth, pts and time_base, each whole")
    func npz() throws {
        let file = try write(.npz, values)
        var names: [String] = []
        var at = 0
        while Array(file[at..<at + 4]) == [0x50, 0x4b, 3, 4] {
            func number(_ offset: Int) -> Int {
                (0..<4).reduce(0) { $0 | Int(file[at + offset + $1]) << (8 * $1) }
            }
            let nameEnd = at + 30 + (number(26) & 0xffff)
            names.append(String(decoding: file[at + 30..<nameEnd], as: UTF8.self))
            let content = Array(file[nameEnd..<nameEnd + number(18)])
            #expect(Int(crc32(0, content, UInt32(content.count))) == number(14))
            at = nameEnd + content.count
        }
        #expect(names == ["depth.npy", "pts.npy", "time_base.npy"])
    }

    @Test(
        "16-bit files of metres have the benchmark's scale; what is no number is 0",
        arguments: [
            (DepthPNGScale?.none, 256.0), (.kitti, 256), (.tum, 5000), (.mm, 1000),
        ])
    func metres(scale: DepthPNGScale?, steps: Double) throws {
        let folder = try TemporaryFolder()
        let image: [Float] = [0.5, 1.25, 3, 12, .infinity, .nan]
        let conversion = try DepthConversion(from: .metres, to: .metres)
        let writer = try DepthFolderWriter(
            .init(
                folder: folder.url.path, format: .png16, conversion: conversion, pngScale: scale),
            header: .test)
        try writer.write(image, width: 3, height: 2)
        try writer.finish()
        let samples = try PNG(try folder.bytes("00000000.png")).samples
        for (sample, value) in zip(samples, image) where value.isFinite {
            #expect(sample == Int((Double(value) * steps).rounded()))
        }
        #expect(samples[4] == 65535 && samples[5] == 0)
        #expect(writer.clampedSamples == 1)
        let manifest = try Manifest(path: folder.path("manifest.jsonl"))
        #expect(manifest.frames[0].scale == steps && manifest.frames[0].kind == .metres)
        #expect(manifest.header.unit == .metres)
    }

    @Test("16-bit files of relative depth come back through the manifest's scale and range")
    func relativePNG() throws {
        let folder = try TemporaryFolder()
        let conversion = try DepthConversion(from: .inverseDepth, to: nil)
        let writer = try DepthFolderWriter(
            .init(folder: folder.url.path, format: .png16, conversion: conversion), header: .test)
        var random = SeededRandom(3)
        let frames = (0..<3).map { _ in (0..<35).map { _ in random.uniform(2...9) } }
        for frame in frames { try writer.write(frame, width: 7, height: 5) }
        try writer.finish()
        let manifest = try Manifest(path: folder.path("manifest.jsonl"))
        #expect(Set(manifest.frames.map(\.range)).count == 1)
        #expect(manifest.frames.map(\.file) == ["00000000.png", "00000001.png", "00000002.png"])
        for (line, frame) in zip(manifest.frames, frames) {
            let range = try #require(line.range)
            for (sample, value) in zip(try PNG(try folder.bytes(line.file)).samples, frame) {
                let read = Double(range.lowerBound) + Double(sample) / line.scale
                #expect(abs(read - Double(value)) <= 0.5 / line.scale + 1e-6)
            }
        }
    }

    @Test("relative inverse depth is never turned into depth without a stated scale and shift")
    func honestConversions() throws {
        for wanted in [DepthFileKind.depth, .metres] {
            let error = #expect(throws: FathomError.self) {
                try DepthConversion(from: .inverseDepth, to: wanted)
            }
            #expect(error?.code == .usage)
            #expect(error?.cause.contains("scale and shift are unknown") ?? false)
            #expect(error?.remedy.contains("--camera") ?? false)
        }
        #expect(throws: FathomError.self) { try DepthConversion(from: .depth, to: .inverse) }
        #expect(throws: FathomError.self) { try DepthConversion(from: .depth, to: .metres) }

        let calibration = DepthCalibration(scale: 0.5, shift: 0.1)
        let known = try DepthConversion(
            from: .inverseDepth, to: .metres, calibration: calibration)
        #expect(abs(known.convert(0.8) - 2) < 1e-6 && known.unit == .metres)
        #expect(known.convert(-0.2).isNaN && known.convert(-1).isNaN)
        let metric = try DepthConversion(from: .metres, to: .inverse)
        #expect(metric.convert(4) == 0.25 && metric.unit == .inverseMetres)
        #expect(metric.convert(2...4) == 0.25...0.5)
        #expect(try DepthConversion(from: .inverseDepth, to: nil).isIdentity)
    }

    @Test("a scale of metres for frames that are not in metres is refused")
    func scaleWithoutMetres() throws {
        let folder = try TemporaryFolder()
        let conversion = try DepthConversion(from: .inverseDepth, to: nil)
        #expect(throws: FathomError.self) {
            try DepthFolderWriter(
                .init(
                    folder: folder.path("frames"), format: .png16, conversion: conversion,
                    pngScale: .kitti), header: .test)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("frames")))
    }

    @Test("frames of an earlier run are an error without overwrite, and are gone with it")
    func earlierRun() throws {
        let folder = try TemporaryFolder()
        let conversion = try DepthConversion(from: .inverseDepth, to: nil)
        var options = DepthFolderWriter.Options(
            folder: folder.url.path, format: .npy, conversion: conversion)
        try folder.write("notes.txt", Data())
        let writer = try DepthFolderWriter(options, header: .test)
        for _ in 0..<3 { try writer.write(values, width: 3, height: 2) }
        try writer.finish()
        #expect(throws: FathomError.self) { try DepthFolderWriter(options, header: .test) }
        options.overwrite = true
        try DepthFolderWriter(options, header: .test).finish()
        #expect(folder.names == ["manifest.jsonl", "notes.txt"])
    }

    @Test("a folder whose parent is missing, and a disk that is full, are named with the cause")
    func failingDisk() throws {
        let conversion = try DepthConversion(from: .inverseDepth, to: nil)
        let missing = #expect(throws: FathomError.self) {
            try DepthFolderWriter(
                .init(folder: "/nowhere/at/all", format: .npy, conversion: conversion),
                header: .test)
        }
        #expect(missing?.description.contains("/nowhere/at/all: No such file") ?? false)
        // /dev/full takes no byte and says so as a full disk does.
        let full = #expect(throws: FathomError.self) {
            try ManifestWriter(path: "/dev/full", header: .test)
        }
        #expect(full?.description.contains("/dev/full: the disk is full") ?? false)
    }

    private func write(_ format: DepthFileFormat, _ values: [Float]) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let conversion = try DepthConversion(from: .inverseDepth, to: nil)
        let writer = try DepthFolderWriter(
            .init(folder: folder.url.path, format: format, conversion: conversion), header: .test)
        try writer.write(values, width: 3, height: 2)
        try writer.finish()
        let name = "00000000.\(format.fileExtension)"
        #expect(folder.names == [name, "manifest.jsonl"])
        return try folder.bytes(name)
    }

    private func floats(_ bytes: ArraySlice<UInt8>) -> [Float] {
        Array(bytes).withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}

extension DepthFolderWriter {
    fileprivate func write(_ values: [Float], width: Int, height: Int) throws {
        try values.withUnsafeBufferPointer { (buffer) throws(FathomError) in
            try write(
                DepthImage(buffer, width: width, height: height),
                ManifestFrame(timestamp: Timestamp(0, Rational(1, 30))))
        }
    }
}

extension ManifestHeader {
    static let test = ManifestHeader(modelName: "starter", modelHash: "00ff")
}

/// Reads back the gray 16-bit PNG files that the writer makes, checking every chunk's sum.
private struct PNG {
    var samples: [Int] = []

    init(_ file: [UInt8]) throws {
        try #require(file.starts(with: [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]))
        var at = 8
        var width = 0
        var height = 0
        var packed: [UInt8] = []
        func number(_ start: Int) -> Int { file[start..<start + 4].reduce(0) { $0 << 8 | Int($1) } }
        while at < file.count {
            let size = number(at)
            let body = Array(file[at + 4..<at + 8 + size])
            #expect(Int(crc32(0, body, UInt32(body.count))) == number(at + 8 + size))
            switch String(decoding: body[..<4], as: UTF8.self) {
            case "IHDR":
                (width, height) = (number(at + 8), number(at + 12))
                #expect(Array(body[12...]) == [16, 0, 0, 0, 0])
            case "IDAT": packed += body[4...]
            default: break
            }
            at += 12 + size
        }
        var rows = [UInt8](repeating: 0, count: (2 * width + 1) * height)
        var count = UInt(rows.count)
        try #require(uncompress(&rows, &count, packed, UInt(packed.count)) == Z_OK)
        var above = [UInt8](repeating: 0, count: 2 * width)
        for row in 0..<height {
            let line = rows[row * (2 * width + 1)..<(row + 1) * (2 * width + 1)]
            #expect(line.first == 2)
            above = zip(line.dropFirst(), above).map { $0 &+ $1 }
            samples += (0..<width).map { Int(above[2 * $0]) << 8 | Int(above[2 * $0 + 1]) }
        }
    }
}
