"""One decoder process's connection to one recording server, and which track gets what comes over it."""

import logging
import ssl
from collections.abc import Callable
from functools import partial
from typing import Protocol

from common.clients.media import MediaConnection
from common.clients.media_keeping import FreshToken, keep_connected
from common.foundation.backoff import Backoff
from common.foundation.errors import NotSignedIn, VmsError
from common.protocols.media_channel.messages import (
    ClientMessage,
    Error,
    Gaps,
    Hello,
    Pause,
    Position,
    Resume,
    Seek,
    Sequences,
    ServerMessage,
    Speed,
    Step,
    Timeline,
    Unsubscribe,
)
from common.protocols.media_channel.records import MediaRecord
from smartclient.video.clock import PlayClock
from smartclient.video.control import PLAYBACK_GROUP, AskShares, AskSpans, RecorderState, Shares, Spans
from smartclient.video.recorded_track import RecordedTrack
from smartclient.video.slots import monotonic_us
from smartclient.video.sound_track import SoundTrack
from smartclient.video.span_question import Answer, ShareQuestion, SpanQuestion, question_number

log = logging.getLogger(__name__)

_MOST_QUESTIONS = 64


class Track(Protocol):
    """What a subscription's owner does with what comes."""

    sub: int

    def connected(self, connection: MediaConnection) -> None: ...

    def message(self, message: ServerMessage) -> None: ...

    def record(self, record: MediaRecord) -> None: ...


class _ToldBackoff(Backoff):
    """Remembers how long it said to wait, for "reconnecting in 4 s"."""

    def __init__(self, told: Callable[[float], None]) -> None:
        super().__init__(0.5, 10.0)
        self._told = told

    def next_s(self) -> float:
        wait_s = super().next_s()
        self._told(wait_s)
        return wait_s


class RecorderLink:
    """A MediaListener: keeps connected until cancelled, and subscribes again each time."""

    def __init__(
        self,
        recorder: str,
        uri: str,
        tls: ssl.SSLContext | None,
        fresh_token: FreshToken,
        report: Callable[[RecorderState | Spans | Shares], None],
    ) -> None:
        self.recorder = recorder
        self.uri = uri
        self._tls = tls
        self._fresh_token = fresh_token
        self._report = report
        self._tracks: dict[int, Track] = {}
        self._questions: dict[int, SpanQuestion | ShareQuestion] = {}
        self._connection: MediaConnection | None = None
        self._error: VmsError | None = None

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        await keep_connected(
            self.uri, self._tls, self._fresh_token, self, self._connected, retry=_ToldBackoff(self._waiting)
        )

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def add(self, track: Track) -> None:
        """Subscribe now, or as soon as there is a connection."""
        self._tracks[track.sub] = track
        if self._connection is not None:
            self._guarded(track.connected)

    def remove(self, track: Track) -> None:
        """Stop a subscription."""
        if self._tracks.pop(track.sub, None) is not None:
            self._guarded(lambda connection: connection.send(Unsubscribe(track.sub)))

    def ask(self, question: AskSpans | AskShares) -> None:
        """Ask what is recorded; answered by `Spans` or `Shares`, also when the recorder is away."""
        asking = SpanQuestion(question) if isinstance(question, AskSpans) else ShareQuestion(question)
        if self._connection is None or len(self._questions) >= _MOST_QUESTIONS:
            self._report(asking.failed("the recording server is not connected"))
            return
        self._questions[question.id] = asking
        for query in asking.queries():
            self._guarded(partial(_send, query))

    def play(self, clock: PlayClock, cause: str, group: int) -> None:
        """Tell the recorder what a playback group does now."""
        if any(_plays_in(track, group) for track in self._tracks.values()):
            self._guarded(lambda connection: _tell(connection, clock, cause, group))

    # MediaListener

    def message(self, message: ServerMessage) -> None:
        if isinstance(message, Hello):
            self._report(RecorderState(self.recorder, True, ahead_us=message.time_us - monotonic_us()))
        elif isinstance(message, Sequences | Gaps | Timeline) or (
            isinstance(message, Error) and message.id is not None
        ):
            self._answered(message)
        else:
            track = self._tracks.get(getattr(message, "sub", None) or 0)
            if track is not None:
                track.message(message)

    def _answered(self, answer: Answer) -> None:
        number = question_number(answer.id or 0)
        question = self._questions.get(number)
        whole = None if question is None else question.answered(answer)
        if whole is not None:
            del self._questions[number]
            self._report(whole)

    def records(self, records: list[MediaRecord]) -> None:
        for record in records:
            track = self._tracks.get(record.sub)
            if track is not None:
                track.record(record)

    def closed(self, error: VmsError | None) -> None:
        self._connection = None
        self._error = error
        for question in self._questions.values():
            self._report(question.failed("the connection to the recording server is lost"))
        self._questions.clear()

    def _connected(self, connection: MediaConnection) -> None:
        self._connection = connection
        for track in self._tracks.values():
            self._guarded(track.connected)

    def _waiting(self, wait_s: float) -> None:
        refused = isinstance(self._error, NotSignedIn)
        retry_us = monotonic_us() + round(wait_s * 1e6)
        self._report(
            RecorderState(self.recorder, False, str(self._error or ""), retry_us=retry_us, token_refused=refused)
        )

    def _guarded(self, act: Callable[[MediaConnection], None]) -> None:
        """Do something with the connection; when it has just ended, everything is sent again with the next."""
        if self._connection is None:
            return
        try:
            act(self._connection)
        except VmsError as error:
            log.info("not sent to the recorder", extra={"recorder": self.recorder, "cause": str(error)})


def _send(query: ClientMessage, connection: MediaConnection) -> None:
    connection.send(query)


def _plays_in(track: Track, group: int) -> bool:
    if isinstance(track, RecordedTrack):
        return track.group == group
    return isinstance(track, SoundTrack) and group == PLAYBACK_GROUP


def _tell(connection: MediaConnection, clock: PlayClock, cause: str, group: int) -> None:
    generation = clock.generation
    match cause:
        case "seek":
            connection.send(Seek(group, clock.at_us, generation))
            connection.send(Pause(group) if clock.paused else Resume(group))
        case "step+" | "step-":
            connection.send(Step(group, clock.at_us, 1 if cause == "step+" else -1, generation))
        case "speed":
            connection.send(Speed(group, clock.speed, clock.at_us, generation))
            connection.send(Pause(group) if clock.paused else Resume(group))
        case "pause":
            connection.send(Pause(group))
        case "resume":
            connection.send(Resume(group))
        case "follow":
            connection.send(Position(group, clock.playhead_us(monotonic_us())))
