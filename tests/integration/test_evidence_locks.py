"""Evidence locks asked for on the media channel, by users who may and may not."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from common.api.evidence import LockPatch, LockRequest
from common.clients.evidence import RecorderLocks
from common.clients.media_asking import QUESTION, RecorderRefused, ask_recorder
from common.foundation.clock import SystemClock, UtcUs
from common.protocols.media_channel.messages import LockCreate, LockList
from server.recording.mediadb.contract import Span
from server.recording.mediadb.locks import LockBook, lock_path, read_locks
from tests.support.recorder_rig import CAMERA, CAMERA_2, MICROPHONE, T0, Rig, recorder_rig

SECOND = 1_000_000
REQUEST = LockRequest(devices=(CAMERA, MICROPHONE), start_us=T0, end_us=T0 + SECOND, header="Theft", comment="Hall")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory() as sockets:
        async with recorder_rig(Path(sockets)) as running:
            yield running


def locks_of(rig: Rig, token: str) -> RecorderLocks:
    return RecorderLocks(partial(ask_recorder, rig.uri, None, token))


def is_held(rig: Rig, at_us: int) -> bool:
    return LockBook((rig.data,), SystemClock().now_us).locked(CAMERA, Span(UtcUs(at_us), UtcUs(at_us + 1)))


async def test_an_operator_locks_and_extends_and_only_an_administrator_unlocks(rig: Rig) -> None:
    operator, administrator = locks_of(rig, "operators"), locks_of(rig, "administrators")
    made = await operator.create(REQUEST)
    assert (made.owner, made.header, made.comment) == ("operators", "Theft", "Hall")
    assert made.devices == (CAMERA, MICROPHONE)
    assert is_held(rig, T0)
    assert not is_held(rig, T0 + SECOND)
    changed = await operator.change(made.id, LockPatch(end_us=T0 + 5 * SECOND, header="Burglary"))
    assert (changed.end_us, changed.header, changed.comment) == (T0 + 5 * SECOND, "Burglary", "Hall")
    assert is_held(rig, T0 + 4 * SECOND)
    less = (
        LockPatch(end_us=T0 + SECOND),
        LockPatch(start_us=T0 + SECOND),
        LockPatch(expires_us=SystemClock().now_us() + 60 * SECOND),
        LockPatch(devices=(CAMERA,)),
    )
    for patch in less:
        with pytest.raises(RecorderRefused) as refused:
            await operator.change(made.id, patch)
        assert refused.value.code == "not_permitted"
    with pytest.raises(RecorderRefused) as refused:
        await operator.remove(made.id)
    assert refused.value.code == "not_permitted"
    assert await operator.get(made.id) == changed
    await administrator.change(made.id, LockPatch(expires_us=SystemClock().now_us() + 60 * SECOND))
    assert (await operator.change(made.id, LockPatch(forever=True))).expires_us is None
    await administrator.remove(made.id)
    assert not is_held(rig, T0)
    assert await operator.get(made.id) is None
    with pytest.raises(RecorderRefused) as refused:
        await administrator.remove(made.id)
    assert refused.value.code == "not_found"


async def test_who_may_not_see_locks_neither_sees_nor_makes_them(rig: Rig) -> None:
    made = await locks_of(rig, "operators").create(REQUEST)
    viewer = locks_of(rig, "viewers")
    assert [lock async for lock in viewer.known()] == []
    with pytest.raises(RecorderRefused) as refused:
        await viewer.create(REQUEST)
    assert refused.value.code == "not_permitted"
    for attempt in (viewer.remove(made.id), viewer.change(made.id, LockPatch(header="x"))):
        with pytest.raises(RecorderRefused) as refused:
            await attempt
        assert refused.value.code == "not_found"


async def test_asking_twice_with_one_id_makes_one_lock(rig: Rig) -> None:
    operator = locks_of(rig, "operators")
    request = REQUEST.model_copy(update={"id": str(uuid4())})
    assert await operator.create(request) == await operator.create(request)
    assert [lock.id async for lock in operator.known()] == [request.id]
    with pytest.raises(RecorderRefused) as refused:
        await operator.create(request.model_copy(update={"devices": (CAMERA_2,)}))
    assert refused.value.code == "bad_request"


async def test_many_locks_are_listed_page_by_page(rig: Rig) -> None:
    operator = locks_of(rig, "operators")
    ids = [(await operator.create(REQUEST.model_copy(update={"start_us": T0 - n}))).id for n in range(3)]
    other = await operator.create(REQUEST.model_copy(update={"devices": (CAMERA_2,)}))
    first = await ask_recorder(rig.uri, None, "operators", LockList(QUESTION, limit=2))
    assert not first.complete
    assert [lock["id"] for lock in first.locks] == ids[:2]
    rest = await ask_recorder(rig.uri, None, "operators", LockList(QUESTION, after=ids[1]))
    assert rest.complete
    assert [lock["id"] for lock in rest.locks] == [ids[2], other.id]
    assert [lock.id async for lock in operator.known(CAMERA_2)] == [other.id]


async def test_wrong_requests_are_explained(rig: Rig) -> None:
    wrong = (
        {},
        {"devices": [], "start_us": 1, "end_us": 2},
        {"devices": [CAMERA], "start_us": 2, "end_us": 2},
        {"devices": [CAMERA], "start_us": 1, "end_us": 2**60},
        {"devices": [CAMERA], "start_us": 1, "end_us": 2, "expires_us": 3},
        {"devices": [CAMERA], "start_us": 1, "end_us": 2, "id": "../../etc/passwd"},
        {"devices": [CAMERA], "start_us": 1, "end_us": 2, "surprise": 1},
        {"devices": [CAMERA], "start_us": 1, "end_us": 2, "comment": "x" * 3000},
    )
    for request in wrong:
        with pytest.raises(RecorderRefused) as refused:
            await ask_recorder(rig.uri, None, "operators", LockCreate(QUESTION, dict(request)))
        assert refused.value.code == "bad_request", request
    with pytest.raises(RecorderRefused) as refused:
        await locks_of(rig, "operators").create(REQUEST.model_copy(update={"devices": ("no-such-device",)}))
    assert refused.value.code == "not_found"


async def test_locks_outlive_a_restart_and_the_loss_of_a_copy(rig: Rig, tmp_path: Path) -> None:
    made = await locks_of(rig, "operators").create(REQUEST)
    await asyncio.to_thread(lock_path(rig.data, made.id).write_text, "{broken")
    assert read_locks(rig.data)[1] == {made.id}
    book = LockBook((rig.data,), SystemClock().now_us)
    assert book.locked(CAMERA_2, Span(UtcUs(0), UtcUs(1)))  # nobody knows what it holds: everything


async def test_a_full_disk_is_told_and_makes_no_lock(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("server.recording.storages.evidence.write_lock", full)
    with pytest.raises(RecorderRefused) as refused:
        await locks_of(rig, "operators").create(REQUEST)
    assert refused.value.code == "storage"
    monkeypatch.undo()
    assert not is_held(rig, T0)
