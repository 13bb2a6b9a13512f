"""Everything that is neither RTSP nor simulated, through libav: HTTP MJPEG, RTMP, UDP transport streams, files.

A file plays once at the speed it was recorded, then the device counts as ended.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, urlsplit, urlunsplit

from common.foundation.errors import DeviceError
from common.media.access_unit import PRIMARY, SECONDARY, CodecConfig, MediaKind, TrackName
from common.media.libav_input import LibavInput, wait_until
from server.recording.drivers.contract import DeviceAddress, DeviceSink, DeviceTrack, RawUnit
from server.recording.drivers.loop_posts import LoopPosts
from server.recording.drivers.threads import run_all

_TIMEOUT_S = 10.0
_NETWORK = ("http", "https", "rtmp", "rtmps", "udp", "tcp", "rtp", "srt", "rtmpt", "tls", "mms", "mmsh")
_LATE_S = 2.0  # a file whose reading is this far behind starts a new pace


class LibavDriver:
    """Demuxes in one thread per stream and delivers on the event loop."""

    async def run(self, address: DeviceAddress, sink: DeviceSink) -> None:
        """See Driver.run."""
        loop = asyncio.get_running_loop()
        posts = LoopPosts(loop, sink, most_waiting=500)
        stop = threading.Event()
        combined = _Tracks(posts)
        jobs = [_job(address, address.url, PRIMARY, combined, stop)]
        if address.sub_url:
            jobs.append(_job(address, address.sub_url, SECONDARY, combined, stop))
        try:
            await run_all(jobs, stop)
        except DeviceError as lost:
            lost.params.setdefault("camera", address.name)
            raise
        finally:
            posts.close()
        raise DeviceError("ended", camera=address.name)


class _Tracks:
    """Joins the tracks of two inputs into the one list that the sink knows. Called from their threads."""

    def __init__(self, posts: LoopPosts) -> None:
        self._posts = posts
        self._lock = threading.Lock()
        self._tracks: list[tuple[tuple[TrackName, int], DeviceTrack]] = []

    def deliver(self, stream: TrackName, index: int, track: DeviceTrack, unit: RawUnit) -> None:
        """Post a unit, after its track's configuration when that is new."""
        with self._lock:
            keys = [key for key, _ in self._tracks]
            key = (stream, index)
            if key not in keys:
                self._tracks.append((key, track))
                self._posts.tracks([known for _, known in self._tracks])
            elif self._tracks[keys.index(key)][1].config != track.config:
                self._tracks[keys.index(key)] = (key, track)
                self._posts.tracks([known for _, known in self._tracks])
            self._posts.units([([key for key, _ in self._tracks].index((stream, index)), unit)])


def _job(
    address: DeviceAddress, url: str, stream: TrackName, tracks: _Tracks, stop: threading.Event
) -> tuple[str, Callable[[], None]]:
    return f"libav {address.name} {stream}", partial(_play, address, url, stream, tracks, stop)


def _play(address: DeviceAddress, url: str, stream: TrackName, tracks: _Tracks, stop: threading.Event) -> None:
    paced = urlsplit(url).scheme.lower() not in _NETWORK
    with LibavInput(_with_credentials(url, address), _TIMEOUT_S) as source:
        start_s: float | None = None
        for unit in source.units(stop.is_set):
            config = source.configs[unit.index]
            device = address.camera if config.kind is MediaKind.VIDEO else address.microphone
            if device is None or (stream == SECONDARY and config.kind is not MediaKind.VIDEO) or not _complete(config):
                continue
            if paced:
                now_s = time.monotonic()
                if start_s is None or now_s - start_s - unit.at_s > _LATE_S:
                    start_s = now_s - unit.at_s
                wait_until(start_s + unit.at_s, stop.is_set)
            raw = RawUnit(unit.data, unit.pts, unit.dts, unit.keyframe, time.monotonic(), unit.disposable)
            tracks.deliver(stream, unit.index, DeviceTrack(device, stream, config), raw)
    if not stop.is_set():
        raise DeviceError("ended")


def _complete(config: CodecConfig) -> bool:
    """Whether a decoder could start: video parameter sets may come only with the first keyframe."""
    return bool(config.record) or config.codec.value not in ("h264", "h265")


def _with_credentials(url: str, address: DeviceAddress) -> str:
    parts = urlsplit(url)
    if not address.user or parts.scheme.lower() not in _NETWORK:
        return url
    login = quote(address.user, safe="") + ":" + quote(address.password, safe="")
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))
