#!/usr/bin/python3
"""A screen with something that moves on it: Xvfb, and ffplay showing pictures of pattern.py in the upper left corner.

Events: READY display=:N
"""
import argparse
import os
import subprocess
import sys

import part


def main():
    part.watch()
    parser = argparse.ArgumentParser(description="a virtual screen that moves")
    parser.add_argument("--size", default="320x240", help="of the moving picture")
    parser.add_argument("--screen", default="640x480")
    parser.add_argument("--fps", type=float, default=15)
    a = parser.parse_args()
    size = "{}x{}".format(*part.size_of(a.size))
    read, write = os.pipe()
    server = part.spawn(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{a.screen}x24", "-nolisten", "tcp"],
        pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    number = os.read(read, 16).decode().strip()
    if not number:
        part.fail("Xvfb does not start")
    here = os.path.dirname(os.path.abspath(__file__))
    pictures = part.spawn(
        [sys.executable, os.path.join(here, "pattern.py"), "--size", size, "--fps", str(a.fps)],
        stdout=subprocess.PIPE)
    part.spawn(
        ["ffplay", "-v", "error", "-noborder", "-left", "0", "-top", "0", "-an",
         "-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", size, "-framerate", str(a.fps), "-i", "-"],
        stdin=pictures.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "DISPLAY": f":{number}", "SDL_AUDIODRIVER": "dummy"})
    part.say("READY", display=f":{number}")
    server.wait()
    part.fail("Xvfb has ended")


if __name__ == "__main__":
    main()
