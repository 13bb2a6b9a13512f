"""A track's way to its storage, which may change while it is recorded."""

from common.media.access_unit import AccessUnit, CodecConfig
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.track import QueuedTrackWriter


class RoutedTrackWriter:
    """Implements TrackWriter. Goes over to another storage with the next keyframe, so that no picture is left out."""

    def __init__(self, key: TrackKey, first: QueuedTrackWriter) -> None:
        self.key = key
        self._current = first
        self._next: QueuedTrackWriter | None = None
        self._config: CodecConfig | None = None
        self._in_run = False

    @property
    def current(self) -> QueuedTrackWriter:
        """Where units go now."""
        return self._current

    def go_to(self, writer: QueuedTrackWriter) -> None:
        """Write there from the next keyframe on; at once where nothing is being written."""
        self._next = None if writer is self._current else writer
        if not self._in_run:
            self._switch(None)

    def configure(self, config: CodecConfig) -> None:
        self._config = config
        self._switch(None)  # the next unit is a keyframe
        self._current.configure(config)

    def write(self, unit: AccessUnit) -> None:
        if self._next is not None and unit.keyframe:
            self._switch(unit.dts)
        self._in_run = True
        self._current.write(unit)

    def end_run(self) -> None:
        self._current.end_run()
        self._in_run = False
        self._switch(None)

    async def close(self) -> None:
        self._in_run = False
        await self._current.close()

    def _switch(self, next_dts: int | None) -> None:
        if self._next is None:
            return
        if self._in_run:
            self._current.end_run(next_dts)
        self._current, self._next = self._next, None
        if self._config is not None:
            self._current.configure(self._config)
