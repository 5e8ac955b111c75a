#!/usr/bin/env bash
# Runs the lower rooms' tests under the thread and the address sanitizer, each in a build folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
filter='FathomCoreTests|FathomGraphTests|FathomEngineTests|FathomDepthTests|FathomPictureTests|FathomMediaTests'
for kind in thread address; do
    echo "== $kind sanitizer"
    swift test -c release --sanitize="$kind" --scratch-path ".build-$kind" --filter "$filter"
done
