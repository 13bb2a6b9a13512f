#!/usr/bin/python3
"""A real RTSP camera for tests: GStreamer's RTSP server over a short clip that loops with growing times.

Runs under the system's python3, which has the GStreamer bindings; see rtsp_cameras.py for who starts it. Prints one
line, `READY port`, and serves /cam until SIGTERM.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

FPS = 25
LOOP_S = 4
X265 = "keyint=25:scenecut=0:bframes=0:log-level=none"
VIDEO = {
    "h264": (
        ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-sc_threshold", "0", "-f", "h264"],
        "video/x-h264,stream-format=byte-stream,alignment=au,width=640,height=360",
        "h264parse ! rtph264pay config-interval=-1 mtu=1200 pt=96",
    ),
    "h265": (
        ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", X265, "-f", "hevc"],
        "video/x-h265,stream-format=byte-stream,alignment=au,width=640,height=360",
        "h265parse ! rtph265pay config-interval=-1 mtu=1200 pt=96",
    ),
    "mjpeg": (
        ["-c:v", "mjpeg", "-q:v", "6", "-pix_fmt", "yuvj420p", "-f", "mjpeg"],
        "image/jpeg,width=640,height=360",
        "rtpjpegpay pt=26",
    ),
}
AUDIO = {
    "aac": "audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=1 ! voaacenc ! aacparse ! rtpmp4gpay pt=97",
    "opus": "audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=1 ! opusenc ! rtpopuspay pt=97",
    "pcma": "audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay pt=8",
    "pcmu": "audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay pt=0",
}


def encoded(codec: str, b_frames: int, size: str, rate: list[str], cache: Path) -> Path:
    """Return a raw stream of the test picture, encoded once. `rate`: ffmpeg's options for bits a second and GOP."""
    path = cache / f"{codec}-{b_frames}-{size}{''.join(rate)}.raw"
    if not path.exists():
        fresh = path.with_suffix(f".{GLib.random_int()}")
        pattern = f"testsrc2=size={size}:rate={FPS}:duration={LOOP_S}"
        pattern += ",noise=alls=8:allf=t" if rate else ""
        extra = ["-bf", str(b_frames)] if codec == "h264" else []
        if b_frames:
            extra += ["-x264-params", f"bframes={b_frames}:b-adapt=0:keyint=25:scenecut=0"]
        aud = {"h264": ["-bsf:v", "h264_metadata=aud=insert"], "h265": ["-bsf:v", "hevc_metadata=aud=insert"]}
        call = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", pattern, *VIDEO[codec][0][:-2], *rate, *extra]
        subprocess.run([*call, *aud.get(codec, []), *VIDEO[codec][0][-2:], str(fresh)], check=True)
        fresh.rename(path)
    return path


def pictures(codec: str, data: bytes) -> list[bytes]:
    """Cut a raw stream into access units."""
    mark = {"h264": b"\0\0\0\1\x09", "h265": b"\0\0\0\1\x46", "mjpeg": b"\xff\xd8\xff"}[codec]
    starts = []
    at = data.find(mark)
    while at >= 0:
        starts.append(at)
        at = data.find(mark, at + 4)
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def feed(source, units: list[bytes], order: list[int]) -> None:
    """Give a unit whenever one is wanted. `order` is each unit's place in display order within the loop."""
    number = 0
    duration = Gst.SECOND // FPS

    def need(element, _length) -> None:
        nonlocal number
        turn, index = divmod(number, len(units))
        buffer = Gst.Buffer.new_wrapped(units[index])
        buffer.dts = number * duration
        buffer.pts = (turn * len(units) + order[index] + 1) * duration
        buffer.duration = duration
        number += 1
        element.emit("push-buffer", buffer)

    source.connect("need-data", need)


def display_order(count: int, b_frames: int) -> list[int]:
    """Return where each unit in decoding order is shown: I b b P with one GOP of 25."""
    if not b_frames:
        return list(range(count))
    order: list[int] = []
    for gop in range(0, count, 25):
        size = min(25, count - gop)
        shown = [0]
        at = 0
        while at < size - 1:
            reference = min(at + b_frames + 1, size - 1)
            shown.append(reference)
            shown.extend(range(at + 1, reference))
            at = reference
        order += [gop + place for place in shown]
    return order


def permissions() -> GstRtspServer.RTSPPermissions:
    """What somebody who has logged in may do."""
    viewer = GstRtspServer.RTSPPermissions.new()
    for right in ("access", "construct"):
        viewer.add_permission_for_role("viewer", f"media.factory.{right}", True)
    return viewer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--video", choices=sorted(VIDEO), default="h264")
    parser.add_argument("--audio", choices=sorted(AUDIO))
    parser.add_argument("--auth", choices=["basic", "digest"])
    parser.add_argument("--transport", choices=["tcp", "udp", "any"], default="any")
    parser.add_argument("--b-frames", type=int, default=0)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--kbit", type=int, default=0, help="bits a second in thousands; 0: as the encoder likes")
    parser.add_argument("--gop", type=int, default=25)
    parser.add_argument("--certificate", type=Path, help="PEM file with certificate and key: rtsps")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    Gst.init(None)
    rate = ["-b:v", f"{options.kbit}k", "-maxrate", f"{options.kbit}k", "-bufsize", f"{options.kbit}k"]
    rate = [*rate, "-g", str(options.gop)] if options.kbit else []
    raw = encoded(options.video, options.b_frames, options.size, rate, options.cache).read_bytes()
    units = pictures(options.video, raw)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(str(options.port))
    factory = GstRtspServer.RTSPMediaFactory()
    _, caps, payloader = VIDEO[options.video]
    width, height = options.size.split("x")
    caps = caps.replace("640", width).replace("360", height) + f",framerate={FPS}/1"
    line = f'appsrc name=video format=time max-bytes=1 caps="{caps}" ! {payloader} name=pay0'
    if options.audio:
        line += f" audiotestsrc volume=0.2 ! {AUDIO[options.audio]} name=pay1"
    factory.set_launch(f"( {line} )")
    factory.set_shared(True)
    transports = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
    if options.transport in transports:
        factory.set_protocols(transports[options.transport])
    order = display_order(len(units), options.b_frames)
    factory.connect("media-configure", lambda _f, media: feed(media.get_element().get_by_name("video"), units, order))
    if options.certificate:
        auth = GstRtspServer.RTSPAuth()
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(str(options.certificate)))
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.set_default_token(token)
        server.set_auth(auth)
        factory.set_permissions(permissions())
    elif options.auth:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if options.auth == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest("operator", "right", token)
        else:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic("operator", "right"), token)
        server.set_auth(auth)
        factory.set_permissions(permissions())
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        sys.exit("cannot listen")
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, loop.quit)
    print(f"READY {server.get_bound_port()}", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
