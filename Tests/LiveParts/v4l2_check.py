#!/usr/bin/env python3
"""Checks cameras with the kernel's test driver `vivid`; runs inside v4l2_vm.sh, its argument is the program.

Lists the camera, captures, unplugs and replugs it in mid-stream, injects errors, and compares the counts. Prints what
it saw; ends with 1 when a promise was not kept. The processor is emulated: nothing is said about speed.
"""
import json
import os
import signal
import subprocess
import sys
import time

PROGRAM = sys.argv[1]
CAMERA = "v4l2:/dev/video0"
troubles = []


def expect(kept, promise):
    print(("kept    " if kept else "BROKEN  ") + promise, flush=True)
    if not kept:
        troubles.append(promise)


def control(name):
    subprocess.run(["v4l2-ctl", "-d", "/dev/video0", "-c", name], check=True)


def rebind():
    """Takes the device away and brings it back, as a plug does."""
    for action in ("unbind", "bind"):
        with open(f"/sys/bus/platform/drivers/vivid/{action}", "w") as file:
            file.write("vivid.0")
        time.sleep(0.5)


class Live:
    """`fathom live` on the camera, with its events as they come."""

    def __init__(self, name, *options):
        self.events_file, self.report_file = f"{name}.jsonl", f"{name}.json"
        for path in (self.events_file, self.report_file):
            if os.path.exists(path):
                os.remove(path)
        self.log = open(f"{name}.log", "w")
        self.process = subprocess.Popen(
            [PROGRAM, "live", CAMERA, "--input-size", "320x180", "--input-rate", "5", "--size", "64",
             "--open-timeout", "60", "--read-timeout", "20", "--events", self.events_file,
             "--json-report", self.report_file, "--frames", "png16", "--frames-dir", f"{name}.frames",
             "--overwrite", *options],
            stdout=self.log, stderr=self.log)

    def events(self):
        try:
            with open(self.events_file) as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def wait_for(self, event, seconds=90, count=1):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            found = [e for e in self.events() if e["event"] == event]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.1)
        found = [e for e in self.events() if e["event"] == event]
        return found[count - 1] if len(found) >= count else None

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        try:
            with open(self.report_file) as file:
                report = json.load(file)
        except (FileNotFoundError, ValueError):
            with open(self.log.name) as file:
                print(file.read())
            return None
        source = report["sources"][0]
        print({key: source.get(key) for key in ("framesIn", "framesOut", "framesDropped", "reconnects")},
              "result", report.get("result"), flush=True)
        return source


def check_counts(source, promise):
    expect(source is not None and source["framesIn"] > 0
           and source["framesIn"] == source["framesOut"] + source["framesDropped"], promise)


def main():
    listed = subprocess.run([PROGRAM, "doctor", "--cameras", "--json"], capture_output=True, text=True)
    cameras = json.loads(listed.stdout)["cameras"] if listed.returncode == 0 else []
    expect(len(cameras) == 1 and cameras[0]["driver"] == "vivid", "doctor names the camera and its driver")
    formats = {form["name"]: form for form in cameras[0]["formats"]} if cameras else {}
    sizes = [(s["width"], s["height"]) for s in formats.get("yuyv422", {}).get("sizes", [])]
    print(len(formats), "formats;", "yuyv422:", sizes)
    expect((320, 180) in sizes and (1280, 720) in sizes, "with its formats and sizes")
    expect(all(s["rates"] for s in formats.get("yuyv422", {}).get("sizes", [])), "and its rates")

    live = Live("capture", "--duration", "12")
    expect(live.wait_for("connected") is not None, "a camera plays")
    live.process.wait(timeout=180)
    source = live.end()
    check_counts(source, "every frame came out or was counted")
    expect(source is not None and source["reconnects"] == 0, "without a loss")

    for name in ("nv12", "rgb24", "gray"):
        live = Live(name, "--duration", "4", "--input-format", name)
        played = live.wait_for("connected")
        live.process.wait(timeout=120)
        check_counts(live.end(), f"{name}: plays, every frame counted")
        print(played)

    live = Live("unplugged")
    expect(live.wait_for("connected") is not None, "a camera plays that will be unplugged")
    time.sleep(2)
    control("disconnect=1")
    lost = live.wait_for("lost")
    expect(lost is not None and lost["reason"] == "unplugged", f"unplugged: {lost}")
    # A device that is still held open would come back as /dev/video1.
    rebind()
    expect(os.path.exists("/dev/video0"), "and let go of")
    back = live.wait_for("recovered")
    expect(back is not None, f"plugged in again: {back}")
    time.sleep(2)
    source = live.end()
    check_counts(source, "every frame before and after was counted")
    expect(source is not None and source["reconnects"] >= 1, "and so was the loss")

    live = Live("errors")
    expect(live.wait_for("connected") is not None, "a camera plays that will have errors")
    time.sleep(1)
    control("inject_v4l2_buf_flag_error=1")
    time.sleep(1)
    control("inject_fatal_streaming_error=1")
    lost = live.wait_for("lost")
    expect(lost is not None, f"a fatal error is a loss: {lost}")
    expect(live.wait_for("recovered") is not None, "and it recovers")
    check_counts(live.end(), "every frame was counted")

    live = Live("dropping")
    expect(live.wait_for("connected") is not None, "a camera plays that drops pictures")
    control("percentage_of_dropped_buffers=50")
    time.sleep(4)
    control("percentage_of_dropped_buffers=0")
    check_counts(live.end(), "what the camera gave was counted")

    print("all promises kept" if not troubles else f"{len(troubles)} promises broken: {troubles}")
    return 1 if troubles else 0


sys.exit(main())
