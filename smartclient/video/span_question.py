"""Questions of what is recorded: of one device, asked as two for the recordings and for the reasons of the gaps; and of
many devices over a long time, where shares of equal parts of it will do."""

from collections.abc import Sequence

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from common.protocols.media_channel.messages import (
    Error,
    Gaps,
    GapsQuery,
    Sequences,
    SequencesQuery,
    Timeline,
    TimelineQuery,
)
from smartclient.video.control import AskShares, AskSpans, Shares, Spans

_GAPS = 1 << 31  # added to a question's number, for its second part


def question_number(number: int) -> int:
    """The question that an answer belongs to."""
    return number & ~_GAPS


Answer = Sequences | Gaps | Timeline | Error


class SpanQuestion:
    """Gathers the two answers. Without the reasons, the recordings alone are an answer too."""

    def __init__(self, asked: AskSpans) -> None:
        self._asked = asked
        self._spans: list[list[int]] | None = None
        self._gaps: list[list[object]] | None = None

    def queries(self) -> Sequence[SequencesQuery | GapsQuery]:
        """What to send to the recorder."""
        asked = self._asked
        device, track = DeviceId(asked.device), TrackName(asked.track)
        start, end = UtcUs(asked.from_us), UtcUs(asked.to_us)
        return (
            SequencesQuery(asked.id, device, start, end, track, asked.limit),
            GapsQuery(asked.id | _GAPS, device, start, end, track),
        )

    def answered(self, answer: Answer) -> Spans | None:
        """Take an answer; return the whole once it is complete."""
        if isinstance(answer, Sequences):
            self._spans = [list(span) for span in answer.spans]
        elif isinstance(answer, Gaps):
            self._gaps = [list(gap) for gap in answer.gaps]
        elif isinstance(answer, Error) and answer.id == self._asked.id:
            return self.failed(answer.message)
        else:
            self._gaps = []
        if self._spans is None or self._gaps is None:
            return None
        return Spans(self._asked.id, self._spans, gaps=self._gaps)

    def failed(self, why: str) -> Spans:
        """There will be no answer."""
        return Spans(self._asked.id, [], why)


class ShareQuestion:
    """Turns shares into spans: any part of a bucket counts as the whole."""

    def __init__(self, asked: AskShares) -> None:
        self._asked = asked

    def queries(self) -> Sequence[TimelineQuery]:
        """What to send to the recorder."""
        asked = self._asked
        devices = tuple(DeviceId(device) for device in asked.devices)
        return (TimelineQuery(asked.id, devices, UtcUs(asked.from_us), UtcUs(asked.to_us), asked.buckets),)

    def answered(self, answer: Answer) -> Shares | None:
        """Take the answer."""
        if not isinstance(answer, Timeline):
            return self.failed(answer.message if isinstance(answer, Error) else "the answer was of another kind")
        asked = self._asked
        return Shares(
            asked.id, {track.device: share_spans(track.shares, asked.from_us, asked.to_us) for track in answer.tracks}
        )

    def failed(self, why: str) -> Shares:
        """There will be no answer."""
        return Shares(self._asked.id, {}, why)


def share_spans(shares: bytes, from_us: int, to_us: int) -> list[list[int]]:
    """Return where shares are not zero, neighbours joined."""
    spans: list[list[int]] = []
    count = len(shares)
    for place, share in enumerate(shares):
        if not share:
            continue
        start, end = (from_us + (to_us - from_us) * at // count for at in (place, place + 1))
        if spans and spans[-1][1] == start:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return spans
