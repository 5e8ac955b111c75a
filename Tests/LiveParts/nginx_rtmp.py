#!/usr/bin/python3
"""An RTMP server: Debian's nginx with its RTMP module, in a folder of its own.

  nginx_rtmp.py --dir DIR [--port RTMP] [--http-port HTTP]

Pushes are recorded to DIR/recorded/*.flv. Commands on standard input: `kill` (at once), `stop` (it hangs), `cont`,
`start` (after a kill). Events: READY rtmp=rtmp://127.0.0.1:P/live http=http://127.0.0.1:Q, DONE command=kill …
"""
import argparse
import os
import pathlib
import signal
import subprocess

import part


class Server:
    """One nginx that can be ended and started again."""

    def __init__(self, a):
        self.folder = os.path.abspath(a.dir)
        self.rtmp, self.http = a.port or part.free_port(), a.http_port or part.free_port()
        for name in ("tmp", "hls", "recorded"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        text = pathlib.Path(__file__).with_name("nginx-rtmp.conf.in").read_text()
        for key, value in (("@DIR@", self.folder), ("@RTMP@", self.rtmp), ("@HTTP@", self.http)):
            text = text.replace(key, str(value))
        pathlib.Path(self.folder, "nginx.conf").write_text(text)
        self.child = None

    def start(self):
        self.child = part.spawn(
            ["nginx", "-p", self.folder, "-c", "nginx.conf", "-e", "error.log"],
            stderr=subprocess.DEVNULL)
        if not part.wait_for(lambda: part.answers(self.rtmp) or self.child.poll() is not None) \
                or self.child.poll() is not None:
            part.fail(f"nginx does not start: see {self.folder}/error.log")

    def command(self, word):
        if word == "kill":
            self.child.kill()
            self.child.wait()
        elif word == "stop":
            self.child.send_signal(signal.SIGSTOP)
        elif word == "cont":
            self.child.send_signal(signal.SIGCONT)
        elif word == "start":
            self.start()
        else:
            raise ValueError(word)


def main():
    parser = argparse.ArgumentParser(description="nginx as RTMP server")
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--http-port", type=int, default=0)
    server = Server(parser.parse_args())
    part.watch(server.command)
    server.start()
    part.say("READY", rtmp=f"rtmp://127.0.0.1:{server.rtmp}/live", http=f"http://127.0.0.1:{server.http}")
    part.rest()


if __name__ == "__main__":
    main()
