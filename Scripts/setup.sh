#!/usr/bin/env bash
# Installs the Debian packages that Fathom needs and that are missing. Does nothing when all are there.
set -euo pipefail

packages=(
    make pkg-config zlib1g-dev
    libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libswresample-dev libavfilter-dev libavdevice-dev
    libopenblas-dev libcairo2-dev libhdf5-dev libopenexr-dev fonts-dejavu-core
)

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done

if ! command -v swift >/dev/null; then
    echo "cannot build Fathom: there is no Swift compiler. Install Swift 6.2 or later from swift.org" >&2
    exit 1
fi
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

echo "Installing ${missing[*]}"
elevate=()
[ "$(id -u)" -eq 0 ] || elevate=(sudo)
"${elevate[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${elevate[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
