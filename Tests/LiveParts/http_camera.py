#!/usr/bin/python3
"""An HTTP camera: multipart MJPEG with faults on request, HLS, and basic authentication.

  /camera.mjpeg              pictures of pattern.py; every client gets them from now on
  /camera.mjpeg?end=30       ends after 30 pictures as it should
  /camera.mjpeg?cut=30       breaks off in the middle of the 31st, by a reset
  /camera.mjpeg?hang=30      stays silent after 30
  /camera.mjpeg?garbage=30   sends random bytes after 30
  /hls/live.m3u8             (with --hls) segments of a second
  /silent                    takes the request and never answers
  anything else              404; with --user, 401 without the right password

Events: READY url=http://127.0.0.1:PORT, REQUEST path=..., CUT|HUNG|GARBLED|SENT frames=N
"""
import argparse
import base64
import http.server
import os
import queue
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import types
from urllib.parse import parse_qs, urlsplit

import encoder
import part


class Pictures:
    """One encoder whose JPEG pictures go to every client."""

    def __init__(self, a):
        self.clients, self.lock = set(), threading.Lock()
        made = encoder.Encoder(a, ["-f", "image2pipe", "-"], stdout=subprocess.PIPE)
        threading.Thread(target=self._split, args=(made.child.stdout,), daemon=True).start()

    def _split(self, stream):
        data = b""
        while more := stream.read1(1 << 16):
            data += more
            # An end-of-image marker cannot occur inside a picture's data.
            while (end := data.find(b"\xff\xd9")) >= 0:
                self._give(data[:end + 2])
                data = data[end + 2:]
        self._give(None)

    def _give(self, picture):
        with self.lock:
            for client in self.clients:
                if not client.full():
                    client.put(picture)

    def listen(self):
        client = queue.Queue(maxsize=100)
        with self.lock:
            self.clients.add(client)
        return client

    def leave(self, client):
        with self.lock:
            self.clients.discard(client)


def handler(a, pictures, folder):
    """The class that answers requests."""
    password = base64.b64encode(f"{a.user}:{a.password}".encode()).decode() if a.user else None

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        extensions_map = {"": "application/octet-stream", ".ts": "video/mp2t",
                          ".m3u8": "application/vnd.apple.mpegurl"}

        def __init__(self, *rest):
            super().__init__(*rest, directory=folder)

        def log_message(self, *_):
            pass

        def do_GET(self):
            url = urlsplit(self.path)
            part.say("REQUEST", path=self.path)
            if password and self.headers.get("Authorization") != f"Basic {password}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic realm=\"camera\"")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif url.path == "/camera.mjpeg":
                self.camera({key: int(values[0]) for key, values in parse_qs(url.query).items()})
            elif url.path == "/silent":
                part.rest()
            else:
                super().do_GET()

        def camera(self, faults):
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            client, count = pictures.listen(), 0
            try:
                while (picture := client.get()) is not None:
                    if self.fault(faults, count, picture):
                        return
                    self.picture(picture, picture)
                    count += 1
                self.wfile.write(b"--next--\r\n")
            except OSError:
                pass
            finally:
                pictures.leave(client)
            part.say("SENT", frames=count)

        def picture(self, picture, data):
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            self.wfile.write(head.encode() + data + (b"\r\n" if data is picture else b""))
            self.wfile.flush()

        def fault(self, faults, count, picture):
            """Does the wrong thing when its time has come; whether it did."""
            if count == faults.get("end"):
                self.wfile.write(b"--next--\r\n")
                part.say("SENT", frames=count)
            elif count == faults.get("cut"):
                self.picture(picture, picture[:len(picture) // 2])
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                part.say("CUT", frames=count)
            elif count == faults.get("hang"):
                part.say("HUNG", frames=count)
                part.rest()
            elif count == faults.get("garbage"):
                part.say("GARBLED", frames=count)
                noise = random.Random(1)
                while True:
                    self.wfile.write(noise.randbytes(4096))
            else:
                return False
            return True

    return Handler


def main():
    part.watch()
    parser = argparse.ArgumentParser(description="HTTP camera")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--hls", action="store_true")
    encoder.options(parser, codec="mjpeg")
    a = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="http-camera-")
    part.at_end(lambda: shutil.rmtree(folder, ignore_errors=True))
    pictures = Pictures(a)
    if a.hls:
        os.mkdir(os.path.join(folder, "hls"))
        other = types.SimpleNamespace(**{**vars(a), "codec": "h264", "gop": int(a.fps)})
        encoder.Encoder(other, ["-pix_fmt", "yuv420p", "-f", "hls", "-hls_time", "1", "-hls_list_size", "6",
                                "-hls_flags", "delete_segments+temp_file",
                                os.path.join(folder, "hls", "live.m3u8")])
    http.server.ThreadingHTTPServer.daemon_threads = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", a.port), handler(a, pictures, folder))
    server.handle_error = lambda *_: None
    part.say("READY", url=f"http://127.0.0.1:{server.server_address[1]}")
    server.serve_forever()


if __name__ == "__main__":
    main()
