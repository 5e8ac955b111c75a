#!/usr/bin/env bash
# rtsp_camera.py on a network of its own that can be cut: two network namespaces joined by a pair of virtual
# interfaces. The camera is 10.66.0.2 in one, whoever watches is 10.66.0.1 in the other; neither has a way to anywhere
# else. Needs root, and Debian's iproute2 and nftables.
#
#   network_camera.sh [rtsp_camera.py options]
#
# Commands on standard input, one a line:
#   cut, heal             the camera's link goes down, comes back
#   hang, resume          the camera stands still, goes on: the link is there, nobody answers
#   kill, start           the camera dies (SIGKILL), is started again with the same options
#   loss PERCENT          so many packets from the camera are lost; 0 ends it
#   rate KBIT             so much comes through from the camera; 0 ends it
# Events: READY url=rtsp://10.66.0.2:8554/camera run=NAMESPACE (`ip netns exec NAMESPACE ...` runs a program beside the
# camera), DONE command=..., and the camera's own. It ends on TERM, or when standard input ends, and removes all.
set -uo pipefail

if [ "$(id -u)" -ne 0 ]; then
    echo "ERROR message=network namespaces need root: run the live tests as root"
    exit 1
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
far=fathom-camera-$$
near=fathom-watcher-$$
camera=

finish() {
    trap - TERM INT EXIT
    if [ -n "$camera" ]; then
        kill -CONT "$camera" 2>/dev/null
        kill -TERM "$camera" 2>/dev/null
        wait "$camera" 2>/dev/null
    fi
    ip netns del "$far" 2>/dev/null
    ip netns del "$near" 2>/dev/null
    exit "${1:-0}"
}
trap 'finish 0' TERM INT
trap 'finish 1' EXIT

fail() {
    echo "ERROR message=$*"
    finish 1
}

start() {
    # `ip netns exec` becomes the program, so its process is the camera's.
    FATHOM_PART_TIED='' ip netns exec "$far" /usr/bin/python3 "$here/rtsp_camera.py" \
        --host 10.66.0.2 --port 8554 "$@" < /dev/null > >(sed -u 's/^READY.*/STARTED/') &
    camera=$!
    for _ in $(seq 200); do
        ip netns exec "$far" bash -c 'exec 3<>/dev/tcp/10.66.0.2/8554' 2>/dev/null && return
        kill -0 "$camera" 2>/dev/null || fail "the camera does not start"
        sleep 0.05
    done
    fail "the camera does not listen"
}

obey() {
    case "$1" in
    cut) ip -n "$far" link set veth0 down ;;
    heal) ip -n "$far" link set veth0 up ;;
    hang) kill -STOP "$camera" ;;
    resume) kill -CONT "$camera" ;;
    kill)
        kill -KILL "$camera"
        wait "$camera" 2>/dev/null
        return 0
        ;;
    start) start "${options[@]}" ;;
    loss)
        ip netns exec "$far" nft delete table inet loss 2>/dev/null
        [ "$2" = 0 ] || ip netns exec "$far" nft -f - << RULES
table inet loss { chain out { type filter hook output priority 0; numgen random mod 100 < $2 counter drop; }; }
RULES
        ;;
    rate)
        tc -n "$far" qdisc del dev veth0 root 2>/dev/null
        [ "$2" = 0 ] || tc -n "$far" qdisc add dev veth0 root tbf rate "${2}kbit" burst 16kb latency 400ms
        ;;
    *) return 1 ;;
    esac
}

options=("$@")
ip netns add "$far" && ip netns add "$near" \
    && ip -n "$far" link add veth0 type veth peer name veth0 netns "$near" \
    && ip -n "$far" addr add 10.66.0.2/24 dev veth0 && ip -n "$near" addr add 10.66.0.1/24 dev veth0 \
    || fail "network namespaces cannot be made here"
for space in "$far" "$near"; do
    ip -n "$space" link set lo up
    ip -n "$space" link set veth0 up
done
start "${options[@]}"
echo "READY url=rtsp://10.66.0.2:8554/camera run=$near"
while read -r word value; do
    if obey "$word" "${value:-0}"; then echo "DONE command=$word"; else echo "REFUSED command=$word"; fi
done
finish 0
