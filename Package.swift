// swift-tools-version: 6.2
import PackageDescription

/// In CI a warning is an error; a person who builds with a newer compiler is not stopped by one.
let strict = Context.environment["CI"] != nil
let swiftSettings: [SwiftSetting] = strict ? [.treatAllWarnings(as: .error)] : []
let cSettings: [CSetting] =
    strict ? [.treatAllWarnings(as: .error)] : [.treatWarning("ignored-attributes", as: .error)]

/// The rooms that each room uses. Whatever a room reaches is among its direct dependencies, because an incremental
/// build looks at those only: a type whose size changed two rooms away would go unnoticed, and break at run time.
let rooms: [String: [String]] = [
    "FathomCore": [],
    "FathomGraph": ["FathomCore"],
    "FathomEngine": ["FathomGraph"],
    "FathomMedia": ["FathomCore"],
    "FathomDepth": ["FathomEngine"],
    "FathomPicture": ["FathomDepth"],
    "FathomScenes": ["FathomCore"],
    "FathomPipeline": ["FathomMedia", "FathomPicture"],
    "FathomServer": ["FathomPipeline"],
    "FathomLearning": ["FathomPipeline", "FathomScenes"],
    "Fathom": ["FathomServer", "FathomLearning"],
]

/// A room's name, and those of all rooms that it reaches.
func reach(_ name: String) -> Set<String> {
    (rooms[name] ?? []).reduce(into: [name]) { $0.formUnion(reach($1)) }
}

/// A room and all that it reaches, as dependencies.
func using(_ names: String...) -> [Target.Dependency] {
    names.reduce(into: Set<String>()) { $0.formUnion(reach($1)) }.sorted().map {
        .init(stringLiteral: $0)
    }
}

func library(_ name: String, _ others: [Target.Dependency] = []) -> Target {
    let used = reach(name).subtracting([name]).sorted().map(Target.Dependency.init(stringLiteral:))
    return .target(name: name, dependencies: used + others, swiftSettings: swiftSettings)
}

/// A small program in `Samples/` that shows how to use the product `Fathom`.
func sample(_ name: String, _ folder: String, _ more: [Target.Dependency] = []) -> Target {
    .executableTarget(
        name: name, dependencies: using("Fathom") + more, path: "Samples/\(folder)",
        swiftSettings: swiftSettings)
}

func tests(_ name: String, _ others: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name, dependencies: using("Fathom") + ["TestSupport"] + others,
        exclude: excluded[name] ?? [], swiftSettings: swiftSettings)
}

/// Recorded values that tests open by path.
let excluded: [String: [String]] = [
    "FathomEngineTests": ["Recorded"],
    "FathomGraphTests": ["Recorded", "Corpus"],
    "FathomPipelineTests": ["Recorded"],
    "FathomLearningTests": ["Recorded"],
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
        // Libraries in C: module maps and shims, kernels, the bytes of the model and of the page.
        .systemLibrary(
            name: "CFFmpeg", pkgConfig: "libavformat",
            providers: [
                .apt([
                    "libavformat-dev", "libavcodec-dev", "libavutil-dev", "libswscale-dev",
                    "libswresample-dev", "libavfilter-dev", "libavdevice-dev",
                ])
            ]),
        .systemLibrary(name: "CVideo4Linux"),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
        // Its C library only: what pkg-config names is the C++ one.
        .systemLibrary(name: "COpenEXR", providers: [.apt(["libopenexr-dev"])]),
        .target(name: "CKernels", cSettings: cSettings),
        .target(name: "CDefaultModel", exclude: ["starter.onnx"], cSettings: cSettings),
        .target(
            name: "CPreviewPage", exclude: ["page.html", "page.css", "page.js", "icon.svg"],
            cSettings: cSettings),

        // The rooms, in order of dependency.
        library("FathomCore", ["CKernels"]),
        .target(
            name: "FathomGraph",
            dependencies: [
                "FathomCore", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["ONNX/onnx.proto"], swiftSettings: swiftSettings),
        library("FathomEngine", ["COpenBLAS", "CKernels"]),
        library("FathomMedia", ["CFFmpeg", "CVideo4Linux", "CKernels"]),
        library("FathomDepth", ["CKernels"]),
        library("FathomPicture", ["CCairo", "CKernels"]),
        library("FathomScenes"),
        library(
            "FathomPipeline",
            [
                "CDefaultModel", "COpenEXR", "CZlib", logging,
                .product(name: "Yams", package: "Yams"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ]),
        library("FathomServer", ["CPreviewPage", logging]),
        library(
            "FathomLearning",
            ["CHDF5", "CKernels", logging, .product(name: "Yams", package: "Yams")]),
        library("Fathom"),
        .executableTarget(
            name: "fathom", dependencies: using("Fathom") + [argumentParser, logging],
            swiftSettings: swiftSettings),

        // Samples.
        .executableTarget(
            name: "make-sample-media",
            dependencies: using("FathomMedia", "FathomScenes") + ["CFFmpeg"],
            path: "Samples/MakeMedia", swiftSettings: swiftSettings),
        sample("read-dump", "ReadDump"),
        sample("depth-of-picture", "DepthOfPicture"),
        sample("depth-video", "DepthVideo", [logging]),

        // Tests.
        .target(
            name: "TestSupport", dependencies: using("Fathom") + ["CFFmpeg", logging],
            path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .target(
            name: "CAllocationCounter", path: "Tests/CAllocationCounter", cSettings: cSettings),
        tests("FathomCoreTests"),
        tests("FathomGraphTests"),
        tests("FathomEngineTests", ["CDefaultModel", "CAllocationCounter"]),
        tests("FathomMediaTests", ["CVideo4Linux"]),
        tests("FathomDepthTests"),
        tests("FathomPictureTests"),
        tests("FathomPipelineTests", ["CDefaultModel"]),
        tests("FathomScenesTests"),
        tests("FathomServerTests"),
        tests("FathomLearningTests", ["CHDF5"]),
        .executableTarget(
            name: "serve-synthetic", dependencies: using("Fathom") + ["TestSupport", logging],
            path: "Tests/ServeSynthetic", swiftSettings: swiftSettings),
        tests("CommandTests"),
        tests("LiveTests", ["CFFmpeg"]),
    ],
    swiftLanguageModes: [.v6]
)
