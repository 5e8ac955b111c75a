// swift-tools-version: 6.2
import PackageDescription

/// In CI a warning is an error; a person who builds with a newer compiler is not stopped by one.
let strict = Context.environment["CI"] != nil
let swiftSettings: [SwiftSetting] = strict ? [.treatAllWarnings(as: .error)] : []
let cSettings: [CSetting] =
    strict ? [.treatAllWarnings(as: .error)] : [.treatWarning("ignored-attributes", as: .error)]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// A small program in `Samples/` that shows how to use the product `Fathom`.
func sample(_ name: String, _ folder: String, _ more: [Target.Dependency] = []) -> Target {
    .executableTarget(
        name: name, dependencies: ["Fathom"] + more, path: "Samples/\(folder)",
        swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], exclude: excluded[name] ?? [],
        swiftSettings: swiftSettings)
}

/// Recorded values that tests open by path.
let excluded: [String: [String]] = [
    "FathomEngineTests": ["Recorded"],
    "FathomGraphTests": ["Recorded", "Corpus"],
]

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "Fathom",
    products: [
        .library(name: "Fathom", targets: ["Fathom"]),
        .executable(name: "fathom", targets: ["fathom"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Libraries in C: module maps and shims, kernels, the model's bytes.
        .systemLibrary(
            name: "CFFmpeg", pkgConfig: "libavformat",
            providers: [
                .apt([
                    "libavformat-dev", "libavcodec-dev", "libavutil-dev", "libswscale-dev",
                    "libswresample-dev", "libavfilter-dev", "libavdevice-dev",
                ])
            ]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CKernels", cSettings: cSettings),
        .target(name: "CDefaultModel", exclude: ["starter.onnx"], cSettings: cSettings),

        // The rooms, in order of dependency.
        library("FathomCore", ["CKernels"]),
        .target(
            name: "FathomGraph",
            dependencies: [
                "FathomCore", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["ONNX/onnx.proto"], swiftSettings: swiftSettings),
        library("FathomEngine", ["FathomGraph", "COpenBLAS", "CKernels"]),
        library("FathomMedia", ["FathomCore", "CFFmpeg", "CKernels"]),
        library("FathomDepth", ["FathomEngine", "CKernels"]),
        library("FathomPicture", ["FathomDepth", "CCairo", "CKernels"]),
        library("FathomScenes", ["FathomCore"]),
        library(
            "FathomPipeline",
            [
                "FathomMedia", "FathomPicture", "CDefaultModel", "CZlib", logging,
                .product(name: "Yams", package: "Yams"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ]),
        library("Fathom", ["FathomPipeline", "FathomScenes"]),
        .executableTarget(
            name: "fathom", dependencies: ["Fathom", argumentParser, logging],
            swiftSettings: swiftSettings),

        // Samples.
        .executableTarget(
            name: "make-sample-media", dependencies: ["FathomMedia", "FathomScenes", "CFFmpeg"],
            path: "Samples/MakeMedia", swiftSettings: swiftSettings),
        sample("read-dump", "ReadDump"),
        sample("depth-of-picture", "DepthOfPicture"),
        sample("depth-video", "DepthVideo", [logging]),

        // Tests.
        .target(
            name: "TestSupport", dependencies: ["Fathom", "CFFmpeg", logging],
            path: "Tests/TestSupport", swiftSettings: swiftSettings),
        tests("FathomCoreTests", ["FathomCore"]),
        tests("FathomGraphTests", ["FathomGraph"]),
        tests("FathomEngineTests", ["FathomEngine", "CDefaultModel"]),
        tests("FathomMediaTests", ["FathomMedia"]),
        tests("FathomDepthTests", ["FathomDepth"]),
        tests("FathomPictureTests", ["FathomPicture"]),
        tests("FathomPipelineTests", ["FathomPipeline"]),
        tests("FathomScenesTests", ["FathomScenes"]),
        tests("CommandTests", ["Fathom"]),
    ],
    swiftLanguageModes: [.v6]
)
