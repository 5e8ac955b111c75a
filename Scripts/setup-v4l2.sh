#!/usr/bin/env bash
# Installs the Debian packages that `make test-v4l2` needs: an emulator, and what fills a kernel's first root.
set -euo pipefail

packages=(qemu-system-x86 busybox-static kmod cpio v4l-utils python3)

missing() {
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

mapfile -t wanted < <(missing)
[ ${#wanted[@]} -gt 0 ] || exit 0
echo "Installing ${wanted[*]}"
elevate=()
[ "$(id -u)" -eq 0 ] || elevate=(sudo)
"${elevate[@]}" apt-get update -qq || true
DEBIAN_FRONTEND=noninteractive "${elevate[@]}" apt-get install -y -qq --no-install-recommends "${wanted[@]}" > /dev/null || true
mapfile -t wanted < <(missing)
if [ ${#wanted[@]} -gt 0 ]; then
    echo "cannot test cameras: these packages are missing and could not be installed: ${wanted[*]}" >&2
    exit 1
fi
