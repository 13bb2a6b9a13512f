"""Simulated cameras, `simulator:NAME?option=value&...`: a street with a running clock, and soft chimes.

Options: `width`, `height`, `fps`, `gop` (pictures from one keyframe to the next), `sound` (0 or 1), and faults for
tests: `drop_every=S` loses the connection every S seconds, `freeze=S` sends S seconds, then is silent as long, and so
on, `jump=S` lets the camera's clock leap S seconds ahead every 10 seconds.

A picture costs about 2 ms of one core at 960x540, so four cameras take a fifth of one.
"""

import asyncio
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from urllib.parse import parse_qsl

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.foundation.errors import DeviceError, DeviceRefused
from common.media.access_unit import PRIMARY, SECONDARY, CodecConfig, TrackName
from common.media.test_clip import SOUND_FRAME_SAMPLES, SOUND_RATE_HZ, VIDEO_TIMESCALE, LiveClip, sound_loop
from server.recording.drivers.contract import DeviceAddress, DeviceSink, DeviceTrack, RawUnit
from server.recording.drivers.loop_posts import LoopPosts
from server.recording.drivers.threads import run_all

SCHEME = "simulator:"


class SimulatorAddressWrong(DeviceRefused):
    """The address of a simulated camera holds an option that it does not have."""

    message_key = "driver.simulator_address"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a simulated camera shows, and how it misbehaves; spans in seconds, 0 = never."""

    name: str
    width: int = 960
    height: int = 540
    fps: int = 25
    gop: int = 25
    sound: int = 1
    drop_every: float = 0.0
    freeze: float = 0.0
    jump: float = 0.0


def simulation_of(url: str) -> Simulation:
    """Read an address; raises SimulatorAddressWrong naming the option that is wrong."""
    name, _, query = url.removeprefix(SCHEME).partition("?")
    known = {field.name: field for field in fields(Simulation) if field.name != "name"}
    limits = {"width": (160, 3840), "height": (90, 2160), "fps": (1, 60), "gop": (1, 600), "sound": (0, 1)}
    given: dict[str, float] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in known:
            raise SimulatorAddressWrong(f"'{key}' is not an option; known are {', '.join(known)}")
        low, high = limits.get(key, (0, 86_400))
        try:
            value = int(text) if key in limits else float(text)
        except ValueError:
            raise SimulatorAddressWrong(f"{key} is '{text}', not a number") from None
        if not low <= value <= high or (key in ("width", "height") and value % 2):
            raise SimulatorAddressWrong(f"{key} must be from {low} to {high}, width and height even, not {text}")
        given[key] = value
    return Simulation(name or "camera", **given)  # type: ignore[arg-type]  # limits keeps the integers integer


class SimulatorDriver:
    """Draws and encodes in one thread of its own per stream, and delivers on the event loop."""

    async def run(self, address: DeviceAddress, sink: DeviceSink) -> None:
        """See Driver.run."""
        try:
            streams = [_Stream(simulation_of(address.url), address, PRIMARY)]
            if address.sub_url:
                streams.append(_Stream(simulation_of(address.sub_url), address, SECONDARY))
        except SimulatorAddressWrong as wrong:
            wrong.params.setdefault("camera", address.name)
            raise
        posts = LoopPosts(asyncio.get_running_loop(), sink, most_waiting=100)
        stop = threading.Event()
        jobs: list[tuple[str, Callable[[], None]]] = []
        try:
            tracks: list[DeviceTrack] = []
            for stream in streams:
                configured = await asyncio.to_thread(stream.prepare)
                jobs.append((f"simulate {stream.simulation.name}", partial(stream.play, posts, len(tracks), stop)))
                tracks += configured
            sink.tracks(tracks)
            await run_all(jobs, stop)
        except DeviceError as lost:
            lost.params.setdefault("camera", address.name)
            raise
        finally:
            posts.close()
        raise DeviceError("the simulated camera stopped", camera=address.name)


class _Stream:
    """One simulated stream and its pacing."""

    def __init__(self, simulation: Simulation, address: DeviceAddress, track: TrackName) -> None:
        self.simulation = simulation
        self._address = address
        self._track = track
        self._clip: LiveClip | None = None
        self._sound: tuple[CodecConfig, tuple[bytes, ...]] | None = None

    def prepare(self) -> list[DeviceTrack]:
        """Make encoder and sound; takes up to half a second. Called in a worker thread."""
        wanted = self.simulation
        self._clip = LiveClip(wanted.name, wanted.width, wanted.height, wanted.fps, wanted.gop)
        tracks = [DeviceTrack(self._address.camera, self._track, self._clip.config)]
        if wanted.sound and self._address.microphone is not None and self._track == PRIMARY:
            self._sound = sound_loop(zlib.crc32(wanted.name.encode()) % 4)
            tracks.append(DeviceTrack(self._address.microphone, PRIMARY, self._sound[0]))
        return tracks

    def play(self, posts: LoopPosts, first_index: int, stop: threading.Event) -> None:
        """Send until `stop`; raises DeviceError when the simulated connection breaks."""
        assert self._clip is not None
        wanted, clock = self.simulation, SystemClock()
        began_s = clock.monotonic_s()
        began_us = clock.now_us()
        base = began_us * VIDEO_TIMESCALE // US_PER_S & 0xFFFFFFFF  # media time that grows over reconnects too
        number = heard = 0
        while not stop.is_set():
            due_s = began_s + number / wanted.fps
            late_s = clock.monotonic_s() - due_s
            if late_s < 0:
                stop.wait(-late_s)
                continue
            if late_s > 1.0:  # the machine slept or is overloaded: leave pictures out, as a camera would
                number += int(late_s * wanted.fps)
                continue
            elapsed_s = number / wanted.fps
            if wanted.drop_every and elapsed_s >= wanted.drop_every:
                raise DeviceError("the simulated camera closed the connection")
            leap_s = wanted.jump * int(elapsed_s / 10) if wanted.jump else 0.0
            silent = bool(wanted.freeze) and int(elapsed_s / wanted.freeze) % 2 == 1
            ticks = base + int((elapsed_s + leap_s) * VIDEO_TIMESCALE + 0.5)
            heard_until = int(elapsed_s * SOUND_RATE_HZ) // SOUND_FRAME_SAMPLES + 1
            if not silent:
                units = [(first_index, self._picture(UtcUs(time.time_ns() // 1000), ticks, posts.overflowed()))]
                units += self._sounds(first_index + 1, heard, heard_until, base, leap_s)
                posts.units(units)
            heard = heard_until
            number += 1

    def _picture(self, at: UtcUs, ticks: int, force_keyframe: bool) -> RawUnit:
        assert self._clip is not None
        data, keyframe = self._clip.picture(at, ticks, force_keyframe)
        return RawUnit(data, ticks, ticks, keyframe, time.monotonic())

    def _sounds(self, index: int, heard: int, until: int, base: int, leap_s: float) -> list[tuple[int, RawUnit]]:
        if self._sound is None:
            return []
        config, frames = self._sound
        start = base * config.timescale // VIDEO_TIMESCALE + int(leap_s * config.timescale)
        now_s = time.monotonic()
        units: list[tuple[int, RawUnit]] = []
        for number in range(max(heard, until - 100), until):
            ticks = start + number * SOUND_FRAME_SAMPLES
            units.append((index, RawUnit(frames[number % len(frames)], ticks, ticks, True, now_s)))
        return units
