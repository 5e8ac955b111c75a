#!/usr/bin/env bash
# Feeds changed ONNX files to the importer under libFuzzer and the address sanitizer.
#     Scripts/fuzz.sh [SECONDS]        600 by default
# Starts from Tests/FathomGraphTests/Corpus and the recorded operator cases. What breaks is written to .build-fuzz as
# crash-…, timeout-… or oom-…: put it into the corpus, which the tests replay, once it is mended.
# FathomGraph is compiled anew with the sanitizers; what lies below it comes from the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
build=.build-fuzz
release=.build/release
swift build -c release --target FathomGraph
mkdir -p "$build/corpus"
package=$(basename "$PWD" | tr '[:upper:]' '[:lower:]')
mapfile -t sources < <(find Sources/FathomGraph -name '*.swift')
mapfile -t objects < <(find "$release"/{FathomCore,CKernels,SwiftProtobuf}.build -name '*.o')
swiftc -O -wmo -swift-version 6 -sanitize=fuzzer,address -parse-as-library \
    -module-name FathomGraph -package-name "$package" -I "$release/Modules" \
    -Xcc "-fmodule-map-file=$release/CKernels.build/module.modulemap" \
    "${sources[@]}" Tests/Fuzz/FuzzImport.swift "${objects[@]}" -o "$build/fuzz-import"
python3 - "$build/corpus" <<'PY'
import base64, json, pathlib, sys
cases = json.loads(pathlib.Path("Tests/FathomGraphTests/Recorded/operators.json").read_text())["cases"]
for index, case in enumerate(cases):
    pathlib.Path(sys.argv[1], f"recorded-{index}").write_bytes(base64.b64decode(case["model"]))
PY
cd "$build"
ASAN_OPTIONS=detect_leaks=0 exec ./fuzz-import -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 \
    -max_len=8192 corpus ../Tests/FathomGraphTests/Corpus
