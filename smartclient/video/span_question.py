"""One question of what is recorded: asked as two, for the recordings and for the reasons of the gaps."""

from collections.abc import Sequence

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from common.protocols.media_channel.messages import Error, Gaps, GapsQuery, Sequences, SequencesQuery
from smartclient.video.control import AskSpans, Spans

_GAPS = 1 << 31  # added to a question's number, for its second part


def question_number(number: int) -> int:
    """The question that an answer belongs to."""
    return number & ~_GAPS


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

    def answered(self, answer: Sequences | Gaps | Error) -> Spans | None:
        """Take an answer; return the whole once it is complete."""
        if isinstance(answer, Sequences):
            self._spans = [list(span) for span in answer.spans]
        elif isinstance(answer, Gaps):
            self._gaps = [list(gap) for gap in answer.gaps]
        elif answer.id == self._asked.id:
            return Spans(self._asked.id, [], answer.message)
        else:
            self._gaps = []
        if self._spans is None or self._gaps is None:
            return None
        return Spans(self._asked.id, self._spans, gaps=self._gaps)
