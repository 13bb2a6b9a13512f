"""Which stream keeps killing its decoder process, and how long it is left alone for that.

A process that dies over a stream is restarted at once: that may have been chance. A stream that was being decoded at
two deaths within a minute is not opened again for a while, so that the other tiles of its process are left in peace.
"""

from dataclasses import dataclass

_WITHIN_S = 60.0
_FIRST_REST_S = 30.0
_MOST_REST_S = 600.0
_DEATHS = 2
_MOST_STREAMS = 256


@dataclass(slots=True)
class _Record:
    last_s: float
    deaths: int = 0
    rest_s: float = 0.0
    until_s: float = 0.0


class Suspects:
    """By any key that names a stream. Times are of the monotonic clock."""

    def __init__(self) -> None:
        self._records: dict[object, _Record] = {}

    def died_over(self, stream: object, now_s: float) -> None:
        """The process died while it decoded this."""
        record = self._records.pop(stream, None) or _Record(now_s)
        if now_s - record.last_s > _WITHIN_S + record.rest_s:
            record = _Record(now_s)
        record.last_s, record.deaths = now_s, record.deaths + 1
        if record.deaths >= _DEATHS:
            record.rest_s = min(_MOST_REST_S, record.rest_s * 2 or _FIRST_REST_S)
            record.until_s = now_s + record.rest_s
        self._records[stream] = record
        while len(self._records) > _MOST_STREAMS:
            del self._records[next(iter(self._records))]

    def rests_s(self, stream: object, now_s: float) -> float:
        """How long it is still to be left alone; 0 when it may be decoded."""
        record = self._records.get(stream)
        return 0.0 if record is None else max(0.0, record.until_s - now_s)

    def deaths(self, stream: object) -> int:
        """How many deaths in a row it is suspected of."""
        record = self._records.get(stream)
        return 0 if record is None else record.deaths
