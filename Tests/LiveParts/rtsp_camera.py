#!/usr/bin/python3
"""An RTSP camera, and an RTSP server that records what is pushed to it: GStreamer's server on one port.

  /camera        PLAY: pictures of pattern.py (or of a looped --file) with bar codes; sound too with --audio
  /push          RECORD of H.264; /push-hevc of HEVC; /push-audio of H.264 with AAC sound. What arrives is written
                 undecoded to PUSH_DIR/push-N.h264 (or .hevc; sound to push-N.aac), N counting the pushes

Events:
  READY url=rtsp://127.0.0.1:PORT/camera push=rtsp://127.0.0.1:PORT/push
  CLIENT opened=1 | CLIENT closed=1
  PLAY encoder=1                     a new encoder was set up; its first frame has number 0 unless --running-number
  PLAYED encoder=1 frames=100        it was taken down
  RECORD push=1 file=...             a push begins
  PUSHED push=1 frames=25            about each second
  RECORDED push=1 frames=75 file=... a push has ended

Needs Debian's python3-gi and the packages that Scripts/setup-live.sh installs for GStreamer.
"""
import argparse
import os
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: E402,F401

import part  # noqa: E402
import pattern  # noqa: E402

VIDEO = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max={gop} bitrate={kbps} "
            "! video/x-h264,profile=baseline ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "hevc": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max={gop} bitrate={kbps} "
            "option-string=pools=1:frame-threads=1:bframes=0:log-level=none "
            "! video/x-h265,profile=main ! rtph265pay name=pay0 pt=96 config-interval=-1",
    "mjpeg": "jpegenc quality=90 ! rtpjpegpay name=pay0 pt=26",
    # Nothing that FFmpeg's RTSP client knows: a camera that cannot be used.
    "jpeg2000": "openjpegenc ! rtpj2kpay name=pay0 pt=96",
}
AUDIO = {
    "aac": "audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    "pcmu": "audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0",
}


def arguments():
    parser = argparse.ArgumentParser(description="RTSP camera and RTSP recorder")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--gop", type=int, default=25)
    parser.add_argument("--kbps", type=int, default=1500)
    parser.add_argument("--codec", choices=VIDEO, default="h264")
    parser.add_argument("--audio", choices=AUDIO)
    parser.add_argument("--file", help="loop this recording instead of the pattern")
    parser.add_argument("--transport", choices=("any", "tcp", "udp"), default="any",
                        help="what the server agrees to; others are refused")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--auth", choices=("digest", "basic"), default="digest")
    parser.add_argument("--running-number", action="store_true",
                        help="frame numbers are milliseconds / interval of the day: they go on over a restart")
    parser.add_argument("--push-dir", default=".")
    return parser.parse_args()


class Scene:
    """Raw I420 pictures of the pattern, or of a looped recording, one at a time."""

    def __init__(self, a):
        self.width, self.height = part.size_of(a.size)
        self.pattern = pattern.Pattern(self.width, self.height)
        self.player = None
        if a.file:
            self.player = Gst.parse_launch(
                f"filesrc location=\"{os.path.abspath(a.file)}\" ! decodebin ! videoconvert ! videoscale "
                f"! videorate ! video/x-raw,format=I420,width={self.width},height={self.height},"
                f"framerate={a.fps}/1,pixel-aspect-ratio=1/1 ! appsink name=sink sync=false max-buffers=1")
            self.sink = self.player.get_by_name("sink")
            self.player.set_state(Gst.State.PLAYING)

    def picture(self, number):
        if self.player is None:
            return self.pattern.frame(number)
        sample = self.sink.try_pull_sample(5 * Gst.SECOND)
        while sample is None and self.sink.is_eos():
            self.player.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH | Gst.SeekFlags.KEY_UNIT, 0)
            sample = self.sink.try_pull_sample(5 * Gst.SECOND)
        return self.coded(sample.get_buffer(), number)

    def coded(self, buffer, number):
        """A picture of the recording with the pattern's bar codes across its bottom."""
        ok, mapped = buffer.map(Gst.MapFlags.READ)
        data = bytes(mapped.data)
        buffer.unmap(mapped)
        drawn = self.pattern.frame(number)
        rows, width, height = 2 * self.pattern.code_height, self.width, self.height
        stride, chroma_stride = (width + 3) & ~3, (width // 2 + 3) & ~3
        if stride != width or chroma_stride != width // 2:
            raise ValueError("a looped recording needs a width that is a multiple of 8")
        luma = width * height
        return (data[:luma - rows * width] + drawn[luma - rows * width:luma]
                + data[luma:])

    def close(self):
        if self.player is not None:
            self.player.set_state(Gst.State.NULL)


class Camera(GstRtspServer.RTSPMediaFactory):
    """One encoder for all clients, as in a camera."""

    def __init__(self, a):
        super().__init__()
        self.a = a
        self.count = 0
        self.set_shared(True)
        self.connect("media-configure", self.configured)

    def do_create_element(self, url):
        a = self.a
        width, height = part.size_of(a.size)
        source = ("appsrc name=source is-live=true format=time block=true max-buffers=2 max-bytes=0 "
                  f"caps=video/x-raw,format=I420,width={width},height={height},framerate={a.fps}/1 "
                  "! videoconvert ! ")
        launch = source + VIDEO[a.codec].format(gop=a.gop, kbps=a.kbps)
        if a.audio:
            launch += f" audiotestsrc is-live=true wave=ticks ! audioconvert ! audioresample ! {AUDIO[a.audio]}"
        return Gst.parse_launch(f"( {launch} )")

    def configured(self, _, media):
        self.count += 1
        Feed(self.a, self.count, media)


class Feed:
    """Gives an encoder its pictures, from a thread of its own, until it is taken down."""

    def __init__(self, a, encoder, media):
        self.a, self.encoder = a, encoder
        self.source = media.get_element().get_by_name("source")
        self.stopped = False
        media.connect("unprepared", self.stop)
        part.say("PLAY", encoder=encoder)
        threading.Thread(target=self.run, daemon=True).start()

    def stop(self, *_):
        self.stopped = True

    def run(self):
        a, count = self.a, 0
        scene, pace = Scene(a), pattern.Pace(a.fps)
        first = pattern.milliseconds_of_day() * a.fps // 1000 if a.running_number else 0
        while not self.stopped:
            pace.wait()
            buffer = Gst.Buffer.new_wrapped(scene.picture(first + count))
            buffer.pts = buffer.dts = count * Gst.SECOND // a.fps
            buffer.duration = Gst.SECOND // a.fps
            if self.source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                break
            count += 1
        scene.close()
        part.say("PLAYED", encoder=self.encoder, frames=count)


class Recorder(GstRtspServer.RTSPMediaFactory):
    """Takes pushes, and writes their elementary streams: no container that an abrupt end could spoil."""

    pushes = 0

    def __init__(self, a, codec, has_audio=False):
        super().__init__()
        self.a, self.codec, self.has_audio = a, codec, has_audio
        self.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
        self.set_latency(200)
        self.connect("media-configure", self.configured)

    def do_create_element(self, url):
        Recorder.pushes += 1
        stem = os.path.join(os.path.abspath(self.a.push_dir), f"push-{Recorder.pushes}")
        depay, parse, caps = {
            "h264": ("rtph264depay", "h264parse", "video/x-h264"),
            "hevc": ("rtph265depay", "h265parse", "video/x-h265"),
        }[self.codec]
        sink = "filesink buffer-mode=unbuffered async=false location="
        launch = (f"{depay} name=depay0 ! {parse} ! {caps},stream-format=byte-stream,alignment=au "
                  f"! {sink}\"{stem}.{self.codec}\" name=file")
        if self.has_audio:
            launch += (" rtpmp4gdepay name=depay1 ! aacparse ! audio/mpeg,stream-format=adts "
                       f"! {sink}\"{stem}.aac\"")
        return Gst.parse_launch(f"( {launch} )")

    def configured(self, _, media):
        Push(Recorder.pushes, media)


class Push:
    """Counts one push's frames."""

    def __init__(self, number, media):
        self.number, self.frames, self.told = number, 0, 0.0
        file = media.get_element().get_by_name("file")
        self.path = file.get_property("location")
        file.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self.arrived)
        media.connect("unprepared", self.ended)
        part.say("RECORD", push=number, file=self.path)

    def arrived(self, *_):
        self.frames += 1
        now = time.monotonic()
        if self.frames == 1 or now >= self.told + 1:
            self.told = now
            part.say("PUSHED", push=self.number, frames=self.frames)
        return Gst.PadProbeReturn.OK

    def ended(self, *_):
        part.say("RECORDED", push=self.number, frames=self.frames, file=self.path)


def authentication(a, factories):
    """Demands the user's password for every mount."""
    auth, token = GstRtspServer.RTSPAuth.new(), GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", "user")
    if a.auth == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(a.user, a.password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(a.user, a.password), token)
    for factory in factories:
        permissions = GstRtspServer.RTSPPermissions.new()
        for permission in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("user", permission, True)
        factory.set_permissions(permissions)
    return auth


def main():
    part.watch()
    a = arguments()
    part.size_of(a.size)
    os.makedirs(a.push_dir, exist_ok=True)
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address(a.host)
    server.set_service(str(a.port))
    mounts = {"/camera": Camera(a), "/push": Recorder(a, "h264"), "/push-hevc": Recorder(a, "hevc"),
              "/push-audio": Recorder(a, "h264", has_audio=True)}
    transports = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
    transports["any"] = transports["tcp"] | transports["udp"]
    for path, factory in mounts.items():
        factory.set_protocols(transports[a.transport])
        server.get_mount_points().add_factory(path, factory)
    if a.user:
        server.set_auth(authentication(a, mounts.values()))
    clients = [0]

    def connected(_, client):
        clients[0] += 1
        number = clients[0]
        part.say("CLIENT", opened=number)
        client.connect("closed", lambda _: part.say("CLIENT", closed=number))

    server.connect("client-connected", connected)
    if server.attach(None) == 0:
        part.fail(f"cannot listen on {a.host}:{a.port}")
    GLib.timeout_add_seconds(2, lambda: server.get_session_pool().cleanup() or True)
    base = f"rtsp://{a.host}:{server.get_bound_port()}"
    part.say("READY", url=base + "/camera", push=base + "/push")
    GLib.MainLoop().run()
    part.rest()


if __name__ == "__main__":
    main()
