#!/bin/sh
# Regenerates Sources/FathomGraph/ONNX/onnx.pb.swift from onnx.proto beside it; run after changing the latter.
# Needs protoc (Debian: protobuf-compiler; recorded with 3.21.12). The Swift plug-in is built from the version of
# swift-protobuf that the package resolved to.
set -eu
cd "$(dirname "$0")/.."
swift package resolve
plugin=.build/protoc-gen-swift
swift build -c release --product protoc-gen-swift \
    --package-path .build/checkouts/swift-protobuf --scratch-path "$plugin"
protoc --plugin="protoc-gen-swift=$plugin/release/protoc-gen-swift" \
    --proto_path=Sources/FathomGraph/ONNX --swift_opt=Visibility=Internal \
    --swift_out=Sources/FathomGraph/ONNX onnx.proto
