/// One input of libFuzzer: the bytes of an ONNX file, read as far as a program would before it runs a network.
///
/// Scripts/fuzz.sh compiles it as a part of FathomGraph; it is in no target of the package.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzImport(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    guard let graph = try? Graph(onnx: bytes, name: "fuzzed.onnx") else { return 0 }
    _ = try? GraphPass.apply(to: graph, inputShapes: [:])
    return 0
}
