"""A simulated recorder lives through faults, kills and clock changes: never a gap without a reason."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from common.api.recorder_configuration import RecordedDevice, RecordedHardware
from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.ids import DeviceId, HardwareId
from common.media.access_unit import PRIMARY
from server.recording.ingest.bus import DeviceState
from server.recording.ledger.explain import EDGE_US, LIVE_EDGE_US
from server.recording.ledger.keeper import BEAT_S, LedgerKeeper
from server.recording.ledger.proof import RecordingProof
from server.recording.ledger.reasons import Gap, Reason
from server.recording.ledger.watching import RecordingLedger
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.events import Overflow, StorageFailed, StorageRecovered
from tests.support.hand_clock import START_US, HandClock

DEVICE = DeviceId("11111111-1111-4111-8111-111111111111")
KEY = TrackKey(DEVICE, PRIMARY)
ROOT = "/recordings"
DAY_US = 86_400 * US_PER_S


@dataclass
class Recorded:
    """What the files hold: a MediaReader's answers."""

    spans: list[Span] = field(default_factory=list)

    def add(self, start: int, end: int) -> None:
        if self.spans and start <= self.spans[-1].end:
            start = self.spans.pop().start
        if end > start:
            self.spans.append(Span(UtcUs(start), UtcUs(end)))

    def lose_last(self, us: int) -> None:
        last = self.spans.pop()
        if last.end - us > last.start:
            self.spans.append(Span(last.start, UtcUs(last.end - us)))

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> list[Span]:
        return [s for s in self.spans if s.start < span.end and s.end > span.start]

    def coverage(self, key: TrackKey) -> Span | None:
        return Span(self.spans[0].start, self.spans[-1].end) if self.spans else None


class Recorder:
    """One engine with one camera, as the ledger and the files see it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.clock = HandClock()
        self.files = Recorded()
        self.keeper: LedgerKeeper | None = None
        self.ledger: RecordingLedger | None = None
        self.lost = self.full = self.slow = False
        self.enabled = self.wanted = self.assigned = True
        self.running = False
        self.beat_us = 0

    def start(self) -> None:
        self.keeper = LedgerKeeper(self.data, self.clock)
        self.ledger = RecordingLedger(self.keeper, lambda device: ROOT)
        self.full = self.slow = self.running = False
        self.keeper.write_now()
        self.configure()
        self.ledger.state(DEVICE, DeviceState("connecting", self.clock.now_us()))
        self.keeper.write_now()

    def configure(self) -> None:
        assert self.ledger is not None
        assert self.keeper is not None
        camera = RecordedDevice(id=DEVICE, name="Gate", recording_enabled=self.wanted)
        item = RecordedHardware(id=HardwareId("h"), name="Gate", url="x:", camera=camera, enabled=self.enabled)
        self.ledger.expect([item] if self.assigned else [], (), 10_080)
        if not (self.enabled and self.assigned):
            self.ledger.state(DEVICE, DeviceState("stopped", self.clock.now_us()))
        self.keeper.write_now()

    def down(self, *, orderly: bool) -> None:
        if self.keeper is not None:
            if orderly:
                self.keeper.end()
                self.keeper.write_now()
            self.keeper._file.close()
        self.keeper = self.ledger = None
        self.running = False

    def live(self, seconds: int) -> None:
        """Let time pass second by second."""
        for _ in range(seconds):
            self.clock.pass_by(US_PER_S)
            if self.keeper is None or self.ledger is None:
                continue
            self.beat_us += US_PER_S
            if self.beat_us >= BEAT_S * US_PER_S:
                self.beat_us = 0
                self.keeper.beat()
                self.keeper.write_now()
            if self.lost or not (self.enabled and self.assigned):
                self.running = False
                continue
            self.ledger.state(DEVICE, DeviceState("live", self.clock.now_us()))
            if not self.wanted or self.full or self.slow:
                self.running = False
                continue
            self.record()

    def record(self) -> None:
        """A second of video, stamped as TrackTimeline does: a clock set back by less than a day is not followed."""
        now = self.clock.wall_us
        until = self.files.spans[-1].end if self.files.spans else 0
        at = now if until - now > DAY_US else max(now, until + US_PER_S)
        self.running = True
        self.files.add(at - US_PER_S, at)


NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # it takes minutes, and a life is read as it is
STEPS_OF_A_LIFE = [
    *("kill", "stop", "power", "lose", "unreachable", "find", "full", "free", "slow", "fast"),
    *("off", "on", "disable", "enable", "clock", "remove", "add", "nothing"),
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(STEPS_OF_A_LIFE),
        st.integers(1, 150),
        st.integers(0, 59),
    ),
    min_size=1,
    max_size=20,
)


def act(recorder: Recorder, what: str, number: int) -> None:
    ledger, keeper, now = recorder.ledger, recorder.keeper, recorder.clock.now_us()
    if what in ("kill", "power", "stop"):
        if keeper is not None and recorder.running and what != "stop":
            recorder.files.lose_last(US_PER_S if what == "kill" else 5 * US_PER_S)
        recorder.down(orderly=what == "stop")
        return
    if ledger is None or keeper is None:
        recorder.start()
        return
    match what:
        case "lose" | "unreachable":
            recorder.lost = True
            recorder.live(10 if recorder.running else 0)  # it takes the watchdog that long
            ledger.state(DEVICE, DeviceState("lost", now, "gone", unreachable=what == "unreachable"))
        case "find":
            recorder.lost = False
        case "full":
            recorder.full = True
            ledger.storage(StorageFailed(ROOT, "no space left", disk_full=True))
        case "free":
            recorder.full = False
            ledger.storage(StorageRecovered(ROOT, 5))
        case "slow" | "fast":
            recorder.slow = what == "slow"
            ledger.storage(Overflow(KEY, 1, 25, 1000, over=what == "fast"))
        case "off" | "on":
            recorder.wanted = what == "on"
            recorder.configure()
        case "disable" | "enable" | "remove" | "add":
            there = recorder.enabled and recorder.assigned
            recorder.enabled = recorder.enabled if what in ("remove", "add") else what == "enable"
            recorder.assigned = recorder.assigned if what in ("disable", "enable") else what == "add"
            recorder.configure()
            if not there and recorder.enabled and recorder.assigned:
                ledger.state(DEVICE, DeviceState("connecting", now))
        case "clock":
            recorder.clock.wall_us += (number - 25) * 1000 * US_PER_S  # some seven hours back to nine ahead
            if number % 2:
                keeper.beat()
    if number % 5:
        keeper.write_now()


def check_cover(span: Span, recorded: list[Span], gaps: list[Gap], now: int) -> None:
    pieces = sorted(
        [(max(s.start, span.start), min(s.end, span.end)) for s in recorded] + [(g.start, g.end) for g in gaps]
    )
    at: int = span.start
    for start, end in pieces:
        assert start == at
        assert end > start
        at = end
    assert min(max(now, at), span.end) - at <= LIVE_EDGE_US


@settings(max_examples=40, deadline=None, phases=NO_SHRINKING)
@given(STEPS)
@example([("kill", 256, 0), ("lose", 400, 0), ("clock", 400, 24)])
@example([("clock", 45, 45), ("clock", 143, 15)])
@example([("add", 1, 0), ("clock", 1, 0)])
@example([("nothing", 30, 1), ("clock", 30, 59), ("kill", 300, 1), ("nothing", 30, 1)])
@example([("nothing", 300, 1), ("full", 300, 1), ("kill", 30, 1), ("nothing", 30, 1)])
def test_no_gap_is_ever_without_a_reason(steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder))
        recorder.start()
        for what, seconds, number in steps:
            act(recorder, what, number)
            recorder.live(seconds)
        now = recorder.clock.wall_us
        proof = RecordingProof(Path(folder), recorder.files, recorder.clock.now_us)
        whole = Span(UtcUs(START_US - 3600 * US_PER_S), UtcUs(now + 3600 * US_PER_S))
        gaps = proof.explain(KEY, whole)
        recorded = recorder.files.sequences(KEY, whole)
        check_cover(whole, recorded, gaps, now)
        assert Reason.DELETED not in {gap.reason for gap in gaps}  # nothing was deleted: it would be a guess
        middle = UtcUs(min(START_US + 77 * US_PER_S, whole.end - 1))
        for part in (Span(whole.start, middle), Span(middle, whole.end)):
            if middle > whole.start:
                check_cover(part, recorder.files.sequences(KEY, part), proof.explain(KEY, part), now)
        proof.close()
        recorder.down(orderly=True)


def lived(tmp_path: Path, *steps: tuple[str, int]) -> dict[Reason, int]:
    """Seconds by reason, after a start that is recorded at once."""
    recorder = Recorder(tmp_path)
    recorder.start()
    recorder.live(100)
    for what, seconds in steps:
        act(recorder, what, 1)
        recorder.live(seconds)
    recorder.live(20)
    proof = RecordingProof(tmp_path, recorder.files, recorder.clock.now_us)
    gaps = proof.explain(KEY, Span(UtcUs(START_US), recorder.clock.now_us()))
    proof.close()
    recorder.down(orderly=True)
    found: dict[Reason, int] = {}
    for gap in gaps:
        found[gap.reason] = found.get(gap.reason, 0) + (gap.end - gap.start) // US_PER_S
    return found


def test_each_cause_is_told_as_what_it_is(tmp_path: Path) -> None:
    for number, (steps, expected) in enumerate(
        (
            ([("kill", 200), ("on", 100)], {Reason.RECORDER_DOWN: 201}),
            ([("power", 200), ("on", 100)], {Reason.RECORDER_DOWN: 205}),
            ([("stop", 200), ("on", 100)], {Reason.MAINTENANCE: 200}),
            ([("lose", 200), ("find", 100)], {Reason.DEVICE_LOST: 210}),
            ([("unreachable", 200), ("find", 100)], {Reason.NETWORK: 210}),
            ([("full", 200), ("free", 100)], {Reason.DISK_FULL: 200}),
            ([("slow", 200), ("fast", 100)], {Reason.DISK_SLOW: 200}),
            ([("off", 200), ("on", 100)], {Reason.POLICY: 200}),
            ([("disable", 200), ("enable", 100)], {Reason.STOPPED: 200}),
            ([("full", 100), ("kill", 200), ("on", 100)], {Reason.DISK_FULL: 100, Reason.RECORDER_DOWN: 200}),
        )
    ):
        found = lived(tmp_path / str(number), *steps)
        assert found.keys() == expected.keys(), steps
        assert all(abs(found[reason] - expected[reason]) <= BEAT_S for reason in expected), (steps, found)


def test_a_clock_set_forward_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.start()
    recorder.live(100)
    recorder.clock.wall_us += 3600 * US_PER_S
    recorder.live(100)
    proof = RecordingProof(tmp_path, recorder.files, recorder.clock.now_us)
    (gap,) = proof.explain(KEY, Span(UtcUs(START_US), recorder.clock.now_us()))
    assert gap.reason is Reason.CLOCK
    assert gap.end - gap.start == 3600 * US_PER_S
    proof.close()
    recorder.down(orderly=True)


def test_what_is_gone_without_a_cause_was_deleted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.start()
    recorder.live(1000)
    (whole,) = recorder.files.spans
    middle = whole.start + 400 * US_PER_S
    recorder.files.spans = [
        Span(UtcUs(whole.start + 100 * US_PER_S), UtcUs(middle)),
        Span(UtcUs(middle + 2 * EDGE_US), UtcUs(middle + 3 * EDGE_US)),
        Span(UtcUs(middle + 3 * EDGE_US + 4 * US_PER_S), whole.end),
    ]
    proof = RecordingProof(tmp_path, recorder.files, recorder.clock.now_us)
    gaps = proof.explain(KEY, Span(UtcUs(whole.start + 10 * US_PER_S), whole.end))
    assert [gap.reason for gap in gaps] == [Reason.DELETED, Reason.DELETED, Reason.NETWORK]
    assert gaps[0].detail != gaps[1].detail
    proof.close()
    recorder.down(orderly=True)
