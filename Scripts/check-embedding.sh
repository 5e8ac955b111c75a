#!/usr/bin/env bash
# Builds a separate little package that depends on a tagged copy of this one, as any program that embeds Fathom does, and
# runs it. Prints what the program prints. Nothing is shared with the build of this package but SwiftPM's cache of downloads;
# a folder that is given keeps what was built for the next time.
#
#   Scripts/check-embedding.sh [FOLDER]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
work=$(cd "$work" && pwd)
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT

# A copy with everything that is or could be committed, in a repository of its own. Versions only ever rise.
# The same files keep the version that they had, so that nothing is built twice.
copy=$work/fathom
mkdir -p "$copy"
find "$copy" -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +
(cd "$root" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null -T - -cf -) | tar -C "$copy" -xf -
cd "$copy"
[ -d .git ] || git init -q
git add -A -f
version=$(git describe --tags --abbrev=0 2>/dev/null || true)
if [ -z "$version" ] || ! git diff --cached --quiet; then
    version=0.0.$(date +%s)
    git -c user.name=check -c user.email=check@localhost commit -q -m "copy $version"
    git tag "$version"
fi

mkdir -p "$work/program/Sources/embedding"
cat >"$work/program/Package.swift" <<SWIFT
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "embedding",
    dependencies: [.package(url: "file://$copy", exact: "$version")],
    targets: [
        .executableTarget(
            name: "embedding", dependencies: [.product(name: "Fathom", package: "fathom")])
    ]
)
SWIFT
cat >"$work/program/Sources/embedding/main.swift" <<'SWIFT'
import Fathom

let network = try Network()
let model = try DepthModel(graph: network.graph)
let picture = PictureBuffer(format: PictureFormat(width: 160, height: 96))
let depth = try picture.withView { (view) throws(FathomError) in try model.estimate(view) }
print("\(network.name): \(network.graph.nodes.count) operators, depth of \(depth.width)x\(depth.height)")
SWIFT
cd "$work/program"
env -u CI swift build -c release >&2
.build/release/embedding
