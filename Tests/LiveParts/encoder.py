"""Pictures of pattern.py through the ffmpeg program, to wherever its options say."""
import subprocess
import threading

import part
import pattern

VIDEO = {
    "h264": ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", "1500k"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", "1500k",
             "-x265-params", "log-level=none:pools=1:frame-threads=1:bframes=0"],
    "mpeg2": ["-c:v", "mpeg2video", "-q:v", "4"],
    "mjpeg": ["-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p"],
}


def options(parser, codec="h264"):
    """Adds what every encoded source can be told."""
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--gop", type=int, default=25)
    parser.add_argument("--codec", choices=VIDEO, default=codec)
    parser.add_argument("--audio", action="store_true", help="AAC sound")
    parser.add_argument("--frames", type=int, default=0, help="0: without end")
    parser.add_argument("--fast", action="store_true", help="without waiting")


class Encoder:
    """One ffmpeg that gets pictures at their pace, until `frames` are through or it is ended."""

    def __init__(self, a, output, size=None, frames=None, first=0, stdout=None, when_done=None):
        self.size = part.size_of(size or a.size)
        self.frames = a.frames if frames is None else frames
        self.first, self.fps, self.fast = first, a.fps, a.fast
        self.sent, self.when_done = 0, when_done
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y",
                   "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "{}x{}".format(*self.size),
                   "-framerate", str(a.fps), "-i", "-"]
        if a.audio:
            command += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "aac", "-shortest"]
        command += VIDEO[a.codec] + ["-threads", "1", "-g", str(a.gop), "-flush_packets", "1"] + output
        self.child = part.spawn(command, stdin=subprocess.PIPE, stdout=stdout)
        self.thread = threading.Thread(target=self._feed, daemon=True)
        self.thread.start()

    def _feed(self):
        scene, pace = pattern.Pattern(*self.size), pattern.Pace(self.fps)
        try:
            while not self.frames or self.sent < self.frames:
                if not self.fast:
                    pace.wait()
                self.child.stdin.write(scene.frame(self.first + self.sent))
                self.child.stdin.flush()
                self.sent += 1
        except (BrokenPipeError, ValueError):
            pass
        try:
            self.child.stdin.close()
        except BrokenPipeError:
            pass
        status = self.child.wait()
        if self.when_done is not None:
            self.when_done(status)
