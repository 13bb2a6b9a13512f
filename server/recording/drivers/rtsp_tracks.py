"""Between RTP formats and the sink: numbers the tracks of one camera and tells them when they change."""

import asyncio
from typing import Protocol

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import CodecConfig, TrackName
from common.protocols.rtp.units import MediaUnit
from server.recording.drivers.contract import DeviceSink, DeviceTrack, RawUnit


class Arrivals(Protocol):
    """Knows when the bytes that are being worked on came."""

    @property
    def arrival_s(self) -> float: ...


class Outlet:
    """Where the units of one track leave the driver. Units before the tracks are announced are dropped."""

    def __init__(self, tracks: "TrackList", device: DeviceId, track: TrackName) -> None:
        self._tracks = tracks
        self._device = device
        self._track = track
        self._config: CodecConfig | None = None
        self._arrivals: Arrivals | None = None
        self._sink = tracks.sink
        self.index = -1

    @property
    def offered(self) -> DeviceTrack | None:
        """The track with its configuration; None while that is not known."""
        return DeviceTrack(self._device, self._track, self._config) if self._config is not None else None

    def read_arrival_from(self, arrivals: Arrivals) -> None:
        """Say who knows when bytes came."""
        self._arrivals = arrivals

    def config(self, config: CodecConfig) -> None:
        """See UnitSink.config."""
        self._config = config
        self._tracks.changed()

    def unit(self, unit: MediaUnit) -> None:
        """See UnitSink.unit."""
        if self.index >= 0 and self._arrivals is not None:
            arrival_s = self._arrivals.arrival_s
            self._sink.unit(
                self.index,
                RawUnit(unit.data, unit.pts, unit.dts, unit.keyframe, arrival_s, unit.disposable, unit.damaged),
            )

    def sender_report(self, device_utc_us: UtcUs, ticks: int) -> None:
        """Pass on what the camera says about its clock."""
        if self.index >= 0:
            self._sink.sender_report(self.index, device_utc_us, ticks)

    def stop(self) -> None:
        """Deliver nothing from now on."""
        self.index = -1
        self._arrivals = None


class TrackList:
    """Announces tracks when all of the main session's are known, and again whenever one changes, comes or goes."""

    def __init__(self, sink: DeviceSink) -> None:
        self.sink = sink
        self.announced = asyncio.Event()
        self._main: list[Outlet] = []
        self._playing: list[Outlet] = []

    def playing(self, outlets: list[Outlet]) -> None:
        """These tracks are set up. The main session's come first and are waited for."""
        if not self._main:
            self._main = list(outlets)
        self._playing += outlets
        self.changed()

    def gone(self, outlet: Outlet) -> None:
        """A track of the sub-stream is lost."""
        if outlet in self._playing:
            self._playing.remove(outlet)
            self.changed()

    def changed(self) -> None:
        """Tell the sink, unless a track of the main session is still unknown."""
        if not self._main or any(outlet.offered is None for outlet in self._main):
            return
        offered = [(outlet, outlet.offered) for outlet in self._playing]
        known = [(outlet, track) for outlet, track in offered if track is not None]
        for index, (outlet, _) in enumerate(known):
            outlet.index = index
        self.sink.tracks([track for _, track in known])
        self.announced.set()
