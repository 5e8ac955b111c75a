#!/usr/bin/python3
"""Moving pictures that carry their own number, and the time at which they were made.

Two rows of 32 black and white cells each lie across the bottom of every picture, the number's row lowest, the clock's
above it. A row is max(16, height/15) pixels high, rounded to even. Its cells are, from the left: white, black, 28 data
bits (highest first), and the count of ones among them modulo 4 (two bits). The number counts frames from 0; the clock
is the milliseconds since midnight UTC. Cells are large and luma only, so that they survive lossy coding, scaling and
changes of colour space; `Tests/LiveTests/BarCode.swift` reads them back.

As a program it writes raw I420 pictures to standard output at their own pace:
  pattern.py --size 320x240 --fps 25 [--frames N] [--first N] [--fast]
"""
import argparse
import math
import sys
import time

import part

CELLS, BITS = 32, 28


def row_height(height):
    """Rows of pixels in a row of cells."""
    return max(16, height // 15 // 2 * 2)


def cells(value):
    """The 32 cells of a value, 1 for white."""
    bits = [value >> place & 1 for place in reversed(range(BITS))]
    ones = sum(bits) & 3
    return [1, 0] + bits + [ones >> 1, ones & 1]


def milliseconds_of_day():
    """The clock that is drawn."""
    return time.time_ns() // 1_000_000 % 86_400_000


class Pattern:
    """Makes pictures of one size: a textured scene that glides to the left."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.period = 256
        self.code_height = row_height(height)
        self.scene_height = height - 2 * self.code_height
        self.lines = [self._texture(y) for y in range(self.scene_height)]
        chroma = (height // 2) * (width // 2)
        rows = self.code_height                    # both code rows have this many rows of chroma: two halves
        coloured = (height // 2 - rows) * (width // 2)
        plain = b"\x80" * (chroma - coloured)
        self.chroma = b"\x70" * coloured + plain + b"\x90" * coloured + plain
        edges = [round(cell * width / CELLS) for cell in range(CELLS + 1)]
        self.widths = [right - left for left, right in zip(edges, edges[1:])]

    def _texture(self, y):
        """A line of the scene: twice its period and the width, to be cut at any place."""
        shade = 60 + 120 * y / self.scene_height
        line = bytes(
            int(max(16, min(235, shade + 25 * math.sin(2 * math.pi * x / self.period)
                            + 30 * ((x // 32 + y // 24) % 2))))
            for x in range(self.period))
        return line * (self.width // self.period + 2)

    def _code(self, value):
        line = b"".join(
            (b"\xeb" if cell else b"\x10") * width for cell, width in zip(cells(value), self.widths))
        return line * self.code_height

    def frame(self, number, clock=None):
        """One I420 picture without padding, as bytes."""
        if clock is None:
            clock = milliseconds_of_day()
        shift, width = number * 2 % self.period, self.width
        scene = b"".join([line[shift:shift + width] for line in self.lines])
        return scene + self._code(clock) + self._code(number & (1 << BITS) - 1) + self.chroma


class Pace:
    """Waits until a frame's turn; after a stop it goes on at its own rate instead of making up for lost time."""

    def __init__(self, fps):
        self.interval = 1 / fps
        self.next = time.monotonic()

    def wait(self):
        now = time.monotonic()
        if now < self.next:
            time.sleep(self.next - now)
        elif now > self.next + 1:
            self.next = now
        self.next += self.interval


def main():
    parser = argparse.ArgumentParser(description="raw I420 pictures with bar codes on standard output")
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--frames", type=int, default=0, help="0: without end")
    parser.add_argument("--first", type=int, default=0, help="number of the first picture")
    parser.add_argument("--fast", action="store_true", help="without waiting")
    a = parser.parse_args()
    pattern, pace, number = Pattern(*part.size_of(a.size)), Pace(a.fps), a.first
    try:
        while not a.frames or number < a.first + a.frames:
            if not a.fast:
                pace.wait()
            sys.stdout.buffer.write(pattern.frame(number))
            sys.stdout.buffer.flush()
            number += 1
    except (BrokenPipeError, KeyboardInterrupt):
        sys.stderr.close()


if __name__ == "__main__":
    main()
