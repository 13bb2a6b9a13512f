"""What of a track is kept: everything, or only while somebody records by hand, with the pre-buffer before it."""

from typing import Protocol

from common.media.access_unit import AccessUnit, CodecConfig
from server.recording.ingest.prebuffer import PreBuffer
from server.recording.mediadb.contract import TrackWriter


class Recorder(Protocol):
    """Stores a track, or what came before recording starts. Called on the event loop; returns at once."""

    def configure(self, config: CodecConfig) -> None:
        """In force from the next unit."""

    def write(self, unit: AccessUnit, *, new_run: bool) -> None:
        """Store the unit, or keep it in case that recording starts."""

    def end_run(self) -> None:
        """The stream broke here."""

    def set_recording(self, on: bool) -> None:
        """Start with what was kept, or stop."""

    async def close(self) -> None:
        """Returns when all that is to be recorded was handed to the writer. Nothing may be written afterwards."""


class TrackRecorder:
    """Stands between a track's timeline and its writer. Nothing is stored twice, and nothing is left out between the
    pre-buffer and what follows it."""

    def __init__(self, writer: TrackWriter, prebuffer_s: float, *, recording: bool) -> None:
        self._writer = writer
        self._prebuffer = PreBuffer(prebuffer_s)
        self._recording = recording
        self._config: CodecConfig | None = None

    @property
    def recording(self) -> bool:
        return self._recording

    def configure(self, config: CodecConfig) -> None:
        """In force from the next unit."""
        if config == self._config:
            return
        self._config = config
        self._prebuffer.clear()
        if self._recording:
            self._writer.configure(config)

    def write(self, unit: AccessUnit, *, new_run: bool) -> None:
        """Store the unit, or keep it in case that recording starts."""
        if new_run:
            self.end_run()
        if self._recording:
            self._writer.write(unit)
        else:
            self._prebuffer.add(unit)

    def end_run(self) -> None:
        """The stream broke here."""
        self._prebuffer.clear()
        if self._recording:
            self._writer.end_run()

    def set_recording(self, on: bool) -> None:
        """Start with what the pre-buffer holds, or stop."""
        if on == self._recording:
            return
        self._recording = on
        if not on:
            self._writer.end_run()
            return
        if self._config is not None:
            self._writer.configure(self._config)
        for unit in self._prebuffer.take():
            self._writer.write(unit)

    async def close(self) -> None:
        """Nothing waits here."""
        self._prebuffer.clear()
