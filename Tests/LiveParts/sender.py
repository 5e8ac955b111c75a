#!/usr/bin/python3
"""Sends encoded pictures of pattern.py to somebody who listens: udp://, rtmp://, srt://, a file, or - (a pipe).

  sender.py udp://127.0.0.1:5004 --fps 30
  sender.py - --format matroska --frames 100 --fast | fathom live - ...
  sender.py udp://127.0.0.1:5004 --pieces 50:320x240,50:640x480,50:640x480:-1800

A piece is FRAMES:SIZE[:SECONDS]: the stream goes on with that size, its time stamps moved by so many seconds.
Events, on standard error when the stream goes to a pipe:
  READY target=...
  SENT frames=150              all is out
"""
import argparse
import sys
import threading

import encoder
import part

FORMATS = {"udp": "mpegts", "srt": "mpegts", "rtmp": "flv", "-": "mpegts"}


def pieces(a):
    """(frames, size, seconds) of each piece."""
    if not a.pieces:
        return [(a.frames, a.size, 0.0)]
    result = []
    for text in a.pieces.split(","):
        fields = text.split(":")
        result.append((int(fields[0]), fields[1], float(fields[2]) if len(fields) > 2 else 0.0))
    return result


def main():
    parser = argparse.ArgumentParser(description="encoded pictures with bar codes to a listener")
    parser.add_argument("target")
    parser.add_argument("--format", help="FFmpeg's name of the container")
    parser.add_argument("--pieces", help="FRAMES:SIZE[:SECONDS],...")
    parser.add_argument("--stay", action="store_true", help="do not end by itself when all is sent")
    encoder.options(parser)
    a = parser.parse_args()
    target, scheme = a.target, a.target.split(":")[0]
    if target == "-":
        part.say_on(sys.stderr)
    part.watch()
    container = a.format or FORMATS.get(scheme)
    if scheme == "udp":
        target += ("&" if "?" in target else "?") + "pkt_size=1316"
    part.say("READY", target=a.target)
    sent, jump = 0, 0.0
    for frames, size, seconds in pieces(a):
        jump += seconds
        output = ["-muxdelay", "0", "-muxpreload", "0", "-output_ts_offset", f"{sent / a.fps + jump:.6f}"]
        if container == "mpegts" and sent:
            output += ["-mpegts_flags", "+initial_discontinuity"]
        output += ["-f", container] if container else []
        done = threading.Event()
        one = encoder.Encoder(a, output + [target], size, frames, sent, when_done=lambda _: done.set(),
                              stdout=None if target == "-" else sys.stderr)
        done.wait()
        sent += one.sent
    part.say("SENT", frames=sent)
    if a.stay:
        part.rest()
    part.end()


if __name__ == "__main__":
    main()
