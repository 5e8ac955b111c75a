#!/usr/bin/env bash
# Feeds changed ONNX files to the importer under libFuzzer and the address sanitizer.
#     Scripts/fuzz.sh [SECONDS]        600 by default
# Starts from Tests/FathomGraphTests/Corpus and the recorded operator cases. What breaks is written to .build-fuzz as
# crash-…, timeout-… or oom-…: put it into the corpus, which the tests replay, once it is mended.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
build=.build-fuzz
swift build -c release --scratch-path "$build" --target FathomGraph \
    -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=address
objects=$(find "$build/release/" -name '*.o' -path '*.build/*' \
    \( -path '*FathomGraph.build*' -o -path '*FathomCore.build*' -o -path '*CKernels.build*' -o -path '*SwiftProtobuf.build*' \))
# shellcheck disable=SC2086
swiftc -O -sanitize=fuzzer,address -parse-as-library -I "$build/release/Modules" \
    -Xcc -fmodule-map-file=Sources/CKernels/include/module.modulemap \
    Tests/Fuzz/FuzzImport.swift $objects -o "$build/fuzz-import"
mkdir -p "$build/corpus"
python3 - "$build/corpus" <<'PY'
import base64, json, pathlib, sys
cases = json.loads(pathlib.Path("Tests/FathomGraphTests/Recorded/operators.json").read_text())["cases"]
for index, case in enumerate(cases):
    pathlib.Path(sys.argv[1], f"recorded-{index}").write_bytes(base64.b64decode(case["model"]))
PY
cd "$build"
ASAN_OPTIONS=detect_leaks=0 exec ./fuzz-import -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 \
    -max_len=8192 corpus ../Tests/FathomGraphTests/Corpus
