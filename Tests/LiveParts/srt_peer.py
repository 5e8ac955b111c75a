#!/usr/bin/python3
"""An SRT listener made of Debian's srt-live-transmit: a camera to call, or a recorder of what callers push.

  srt_peer.py camera [--passphrase P] [encoder options]      pictures of pattern.py, as MPEG-TS
  srt_peer.py record FILE [--passphrase P]                   writes the transport stream that arrives

Events: READY url=srt://127.0.0.1:PORT
"""
import argparse
import os
import socket
import subprocess

import encoder
import part


def main():
    part.watch()
    parser = argparse.ArgumentParser(description="SRT camera or recorder")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--passphrase", help="10 to 79 characters")
    parser.add_argument("--latency", type=int, default=120, help="milliseconds")
    roles = parser.add_subparsers(dest="role", required=True)
    camera = roles.add_parser("camera")
    encoder.options(camera)
    recorder = roles.add_parser("record")
    recorder.add_argument("file")
    a = parser.parse_args()
    port = a.port or part.free_port(socket.SOCK_DGRAM)
    address = f"srt://127.0.0.1:{port}?mode=listener&latency={a.latency}"
    if a.passphrase:
        address += f"&passphrase={a.passphrase}"
    quiet = {"stdout": subprocess.DEVNULL}
    if a.role == "camera":
        inner = part.free_port(socket.SOCK_DGRAM)
        tool = part.spawn(["srt-live-transmit", "-q", f"udp://127.0.0.1:{inner}", address], **quiet)
        encoder.Encoder(a, ["-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts",
                            f"udp://127.0.0.1:{inner}?pkt_size=1316"])
    else:
        file = open(a.file, "ab", buffering=0)
        tool = part.spawn(["srt-live-transmit", "-q", address, "file://con"], stdout=file)
    if not part.wait_for(lambda: is_bound(port) or tool.poll() is not None) or tool.poll() is not None:
        part.fail("srt-live-transmit does not start")
    part.say("READY", url=f"srt://127.0.0.1:{port}", pid=tool.pid, own=os.getpid())
    tool.wait()
    part.fail(f"srt-live-transmit ended with status {tool.returncode}")


def is_bound(port):
    """Whether somebody has the UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


if __name__ == "__main__":
    main()
