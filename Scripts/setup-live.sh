#!/usr/bin/env bash
# Installs the Debian packages of the real servers, cameras and screens that `make test-live` plays against, where they
# are missing. A package that can't be had is an error: no live test is left out quietly.
set -euo pipefail

packages=(
    # RTSP camera and recorder
    python3 python3-gi gir1.2-gst-rtsp-server-1.0 gir1.2-gst-plugins-base-1.0
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
    gstreamer1.0-libav
    # senders, RTMP, SRT
    ffmpeg nginx-light libnginx-mod-rtmp srt-tools
    # screen, network that can be cut
    xvfb iproute2 nftables procps
    # preview page
    chromium chromium-driver python3-selenium fonts-dejavu-core
)

missing() {
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

mapfile -t wanted < <(missing)
if [ ${#wanted[@]} -gt 0 ]; then
    echo "Installing ${wanted[*]}"
    elevate=()
    [ "$(id -u)" -eq 0 ] || elevate=(sudo)
    # Debian's nginx would start by itself, on port 80, when it is installed.
    "${elevate[@]}" apt-get update -qq || true
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${elevate[@]}" apt-get install -y -qq --no-install-recommends "${wanted[@]}" > /dev/null || true
    mapfile -t wanted < <(missing)
fi
if [ ${#wanted[@]} -gt 0 ]; then
    echo "cannot run the live tests: these packages are missing and could not be installed: ${wanted[*]}" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "cannot run the live tests: the camera whose network goes away needs network namespaces; run them as root" >&2
    exit 1
fi
