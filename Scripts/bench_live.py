#!/usr/bin/env python3
"""Measures `fathom live` against real servers on this machine, and prints lines for Docs/Performance.md.

    Scripts/bench_live.py age         [--seconds 60]      640x360 at 30 a second by RTSP, default model
    Scripts/bench_live.py glass       [--seconds 20]      the same, from the drawn clock to a reader of the page's MJPEG
    Scripts/bench_live.py overload    [--seconds 900]     twice the rate that the machine can do
    Scripts/bench_live.py recoveries  [--cycles 100]      the camera is killed and started again
    Scripts/bench_live.py readers     [--seconds 60] [--readers 50]    people who never read look at the page
    Scripts/bench_live.py all

Built with `make build`; Scripts/setup-live.sh installs the camera's packages. A long one runs in the background with
    nohup Scripts/bench_live.py overload > overload.log 2>&1 &
Camera and program share the machine: the camera's part is printed, too.
"""
import argparse
import datetime
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PARTS = ROOT / "Tests" / "LiveParts"
FATHOM = os.environ.get("FATHOM", str(ROOT / ".build" / "release" / "fathom"))


class Camera:
    """rtsp_camera.py, kept on one port."""

    def __init__(self, *options, port=0):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", str(PARTS / "rtsp_camera.py"), "--port", str(port), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "FATHOM_PART_TIED": "1"})
        line = self.process.stdout.readline().split()
        if line[:1] != ["READY"]:
            sys.exit(f"the camera does not start: {' '.join(line)}")
        self.ready = time.time()
        self.url = dict(word.split("=", 1) for word in line[1:])["url"]
        self.port = int(self.url.split(":")[2].split("/")[0])
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def bench(url, seconds, *options):
    """What `fathom bench live` measures of one source."""
    done = subprocess.run([FATHOM, "bench", "live", url, "--seconds", str(seconds), "--json", *options],
                          stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)[0]


def show(name, result, camera_cores=None):
    age, memory = result["ageMs"], result["memoryMB"]
    print(f"{name}: {result['picture']}, {result['seconds']:.0f} s")
    print(f"  frames {result['framesIn']} in, {result['framesOut']} out, {result['framesDropped']} dropped"
          f" {json.dumps(result['drops'])}; in - out - dropped = "
          f"{result['framesIn'] - result['framesOut'] - result['framesDropped']}")
    print(f"  rate {result['inputRate']:.1f}/s in, {result['outputRate']:.1f}/s out")
    print(f"  age p50 {age['p50']:.1f} p95 {age['p95']:.1f} p99 {age['p99']:.1f} max {age['max']:.1f} ms")
    print(f"  memory {memory['start']:.1f} MB at first, {memory['end']:.1f} at last, {memory['peak']:.1f} peak,"
          f" {memory['perHour']:+.2f} MB/h")
    print(f"  processor {result['cores']:.2f} cores" + (f", camera {camera_cores:.2f}" if camera_cores else ""))
    for sample in result["course"]:
        print(f"    at {sample['seconds']:6.0f} s: {sample['memoryMB']:.1f} MB, age p50 {sample['ageMs']['p50']:.1f}"
              f" p99 {sample['ageMs']['p99']:.1f} ms, {sample['framesOut']} out")
    sys.stdout.flush()


def measured(name, a, camera_options, seconds, *options):
    camera = Camera(*camera_options)
    before, start = camera.processor_seconds(), time.monotonic()
    result = bench(camera.url, seconds, *options, *a.rest)
    show(name, result, (camera.processor_seconds() - before) / (time.monotonic() - start))
    camera.stop()
    return result


SIZE = ["--size", "640x360", "--gop", "30"]


def age(a):
    result = measured("age at 640x360@30", a, [*SIZE, "--fps", "30"], a.seconds or 60)
    p99 = result["ageMs"]["p99"]
    print(f"  p99 is {p99 / (1000 / 30):.2f} frame intervals (aim: at most 2)")


def overload(a):
    limit = measured("affordable rate: frames without end", a, [*SIZE, "--fps", "240"], 15)["outputRate"]
    fps = max(2, round(2 * limit))
    print(f"affordable {limit:.1f}/s, so the camera sends {fps}/s")
    measured(f"twice the affordable rate, {fps}/s", a, [*SIZE, "--fps", str(fps)], a.seconds or 900)


class Live:
    """`fathom live` at work, with its events."""

    def __init__(self, a, url, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-live-")
        self.events_path = os.path.join(self.folder.name, "events.jsonl")
        self.report_path = os.path.join(self.folder.name, "report.json")
        self.process = subprocess.Popen(
            [FATHOM, "live", url, "--quiet", "--events", self.events_path,
             "--json-report", self.report_path, *options, *a.rest])

    def events(self, name):
        if not os.path.exists(self.events_path):
            return []
        with open(self.events_path) as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        return [line for line in lines if line["event"] == name and "output" not in line]

    def wait(self, name, count, seconds=60):
        end = time.monotonic() + seconds
        while len(found := self.events(name)) < count:
            if time.monotonic() > end or self.process.poll() is not None:
                sys.exit(f"no event {name} number {count}")
            time.sleep(0.02)
        return found[count - 1]

    def memory(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def finish(self):
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        print(f"  ended {time.monotonic() - start:.2f} s after the interrupt, exit code {self.process.returncode}")
        with open(self.report_path) as file:
            return json.load(file)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def at(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def spread(values):
    values = sorted(values)
    return (f"median {statistics.median(values):.2f}, 95 % {values[int(len(values) * 0.95)]:.2f},"
            f" longest {values[-1]:.2f} s")


def recoveries(a):
    camera = Camera(*SIZE, "--fps", "30")
    live = Live(a, camera.url)
    live.wait("connected", 1)
    away, since_ready, memory = [], [], []
    for cycle in range(1, a.cycles + 1):
        time.sleep(1.5)
        camera.kill()
        live.wait("lost", cycle)
        camera = Camera(*SIZE, "--fps", "30", port=camera.port)
        event = live.wait("recovered", cycle)
        away.append(event["seconds"])
        since_ready.append(max(0, at(event) - camera.ready))
        memory.append(live.memory())
        if cycle % 10 == 0:
            print(f"  {cycle} cycles: {memory[-1]:.1f} MB", flush=True)
    report = live.finish()
    camera.stop()
    source = report["sources"][0]
    print(f"{a.cycles} times killed and started again: {source['reconnects']} reconnects")
    print(f"  from loss to recovery: {spread(away)}")
    print(f"  from the camera's being there again to recovery: {spread(since_ready)}")
    settled = memory[min(10, len(memory) - 1)]
    print(f"  memory {memory[0]:.1f} MB after one, {settled:.1f} after ten, {memory[-1]:.1f} after the last")


def readers(a):
    port = free_port()
    camera = Camera(*SIZE, "--fps", "15")
    live = Live(a, camera.url, "--serve", f"127.0.0.1:{port}")
    live.wait("connected", 1)
    seconds = a.seconds or 60

    def span(name):
        count = len(live.events("age"))
        time.sleep(seconds / 2)
        ages = live.events("age")[count + 1:]
        frames = sum(event["frames"] for event in ages) / max(1, len(ages)) / 5
        print(f"{name}: {frames:.1f} frames/s, age p50 {statistics.median(e['p50'] for e in ages):.1f},"
              f" worst p99 {max(e['p99'] for e in ages):.1f} ms, {live.memory():.1f} MB", flush=True)

    span("nobody looks")
    connections = []
    for number in range(a.readers):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        path = ("/stream.mjpg", "/hls/live.m3u8", "/depth.f32")[number % 3 if number % 5 == 4 else 0]
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        connections.append(connection)
    span(f"{a.readers} readers who never read")
    report = live.finish()
    source = report["sources"][0]
    print(f"  {source['framesIn']} in, {source['framesOut']} out, {source['framesDropped']} dropped")
    camera.stop()


def glass(a):
    """From the clock that the camera draws to somebody who reads the page's MJPEG."""
    port = free_port()
    camera = Camera(*SIZE, "--fps", "30")
    live = Live(a, camera.url, "--serve", f"127.0.0.1:{port}", "--layout", "side-by-side", "--no-legend", "--no-hud")
    live.wait("connected", 1)
    time.sleep(3)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stream.mjpg", timeout=10) as stream:
        shown = list(pictures(stream, a.seconds or 20))
    live.finish()
    camera.stop()
    clocks = drawn_clocks([picture for picture, _ in shown])
    delays = sorted((arrived * 1000 - clock) % 86_400_000 for clock, (_, arrived) in zip(clocks, shown) if clock)
    if not delays:
        sys.exit("no clock could be read")
    print(f"from drawing to the page's MJPEG: {len(delays)} pictures, median {delays[len(delays) // 2]:.0f},"
          f" 95 % {delays[int(len(delays) * 0.95)]:.0f}, 99 % {delays[int(len(delays) * 0.99)]:.0f},"
          f" longest {delays[-1]:.0f} ms (camera's encoder, RTSP, decoder, network, picture, JPEG, HTTP)")


def pictures(stream, seconds):
    """The JPEG pictures of a multipart stream, each with the time at which its last byte came."""
    data, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and (more := stream.read1(1 << 16)):
        data += more
        while (last := data.find(b"\xff\xd9")) >= 0:
            yield data[max(0, data.find(b"\xff\xd8")):last + 2], time.time()
            data = data[last + 2:]


def drawn_clocks(jpegs):
    """The clock in the left half of each picture, as pattern.py draws it; None where it can't be read."""
    width, height = 320, 180
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "mjpeg", "-i", "-", "-vf", f"crop=iw/2:ih:0:0,scale={width}:{height}",
         "-f", "rawvideo", "-pix_fmt", "gray", "-"], input=b"".join(jpegs), stdout=subprocess.PIPE, check=True)
    clocks = []
    for start in range(0, len(done.stdout), width * height):
        # A row of cells is a fifteenth of the picture, the clock's the second from below.
        line = start + int(height * (1 - 1.5 / 15)) * width
        cells = [done.stdout[line + (2 * cell + 1) * width // 64] > 128 for cell in range(32)]
        data = cells[2:30]
        value = sum(bit << place for place, bit in enumerate(reversed(data)))
        good = cells[0] and not cells[1] and sum(data) & 3 == cells[30] * 2 + cells[31]
        clocks.append(value if good else None)
    return clocks


def main():
    scenarios = {"age": age, "glass": glass, "overload": overload, "recoveries": recoveries, "readers": readers}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=[*scenarios, "all"])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--readers", type=int, default=50)
    a, a.rest = parser.parse_known_args()
    print(f"{datetime.datetime.now():%Y-%m-%d %H:%M}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
          flush=True)
    for name, scenario in scenarios.items():
        if a.scenario in (name, "all"):
            scenario(a)


if __name__ == "__main__":
    main()
