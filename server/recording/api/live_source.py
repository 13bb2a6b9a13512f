"""One viewer's live subscription: its place in a shared live track, in the viewer's own numbers."""

from common.protocols.media_channel.messages import Dropped, State, encode
from common.protocols.media_channel.records import MediaRecord
from server.recording.relay.live_track import Cursor, LiveTrack, TrackState


class LiveSource:
    """Gives `state` when it changed, `dropped` where something was left out, and the units."""

    def __init__(self, sub: int) -> None:
        self._sub = sub
        self._sequence = 0
        self._told: TrackState | None = None
        self._track: LiveTrack | None = None
        self._cursor: Cursor | None = None

    def joined(self, track: LiveTrack, cursor: Cursor) -> None:
        self._track, self._cursor = track, cursor

    def take(self, most_bytes: int, now_s: float) -> list[str | MediaRecord]:
        items: list[str | MediaRecord] = []
        track, cursor = self._track, self._cursor
        if track is None or cursor is None:
            return items
        if track.state is self._told:
            newest = cursor.next_in_step()
            if newest is not None:
                return [self._own(newest, newest.flags)]
        elif track.state != self._told:
            self._told = track.state
            items.append(encode(State(self._sub, self._told.state, self._told.since_us, self._told.reason)))
        taken = cursor.take(most_bytes, now_s)
        if taken.lost_gops:
            items.append(encode(Dropped(self._sub, taken.lost_gops, taken.lost_units)))
        for record, flags in taken.records:
            items.append(self._own(record, flags))
        return items

    def _own(self, record: MediaRecord, flags: int) -> MediaRecord:
        """The record in this viewer's numbers."""
        self._sequence += 1
        return MediaRecord(
            record.kind,
            flags,
            0,
            self._sub,
            self._sequence - 1,
            record.utc_us,
            record.pts,
            record.dts,
            record.timescale,
            record.payload,
        )
