"""What viewers watch is noted for the audit log: once a session, camera and kind, with who and from where."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common.api.audit import AuditEntry
from common.foundation.clock import SystemClock, UtcUs
from common.media.access_unit import PRIMARY
from common.model.permissions import CAMERAS, Grant, Verb
from common.protocols.media_channel.messages import Record, Subscribe, Unsubscribe
from server.runtime.audit_trail import AuditTrail
from server.runtime.outbox import Outbox
from tests.support.recorder_rig import CAMERA, CAMERA_2, configuration, hardware, recorder_rig, viewing

LIVE = CAMERAS.mask(Verb.READ, Verb.VIEW_LIVE)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as opened:
        yield opened


def noted(outbox: Outbox) -> list[AuditEntry]:
    return [AuditEntry.model_validate_json(body) for _, body in outbox.oldest(1000)]


async def test_one_entry_a_session_camera_and_kind(tmp_path: Path, outbox: Outbox) -> None:
    with AuditTrail(outbox, SystemClock()).running("server.recording.audit"):
        async with recorder_rig(tmp_path) as rig:
            rig.announce()
            for _ in range(2):
                async with viewing(rig.uri) as (viewer, connection):
                    for sub in range(1, 6):  # the same camera again and again, as a wall that changes its layout does
                        connection.send(Subscribe(sub, CAMERA, PRIMARY))
                        connection.send(Subscribe(100 + sub, CAMERA, PRIMARY, UtcUs(sub)))
                        connection.send(Unsubscribe(sub))
                    await viewer.until_said("subscribed", 10)
    entries = noted(outbox)
    assert Counter((entry.category, entry.action) for entry in entries) == {
        ("live", "live viewing"): 2,
        ("playback", "playback"): 2,
    }
    first = entries[0]
    assert first.user == "viewers"
    assert first.address == "127.0.0.1"
    assert "websockets" in first.client
    assert first.item == f"cameras/{CAMERA}"
    assert first.item_name
    assert first.outcome == "succeeded"


async def test_who_is_refused_is_noted_and_what_is_recorded_by_hand(tmp_path: Path, outbox: Outbox) -> None:
    with AuditTrail(outbox, SystemClock()).running("server.recording.audit"):
        async with recorder_rig(tmp_path) as rig:
            rig.access.replace(
                configuration(hardware(1), hardware(2), grants=[Grant("viewers", CAMERAS.id, CAMERA, LIVE)])
            )
            async with viewing(rig.uri) as (viewer, connection):
                for sub in (1, 2, 3):
                    connection.send(Subscribe(sub, CAMERA_2, PRIMARY))
                await viewer.until_said("error", 3)
            async with viewing(rig.uri, "administrators") as (viewer, connection):
                connection.send(Record(1, CAMERA, True))
                await viewer.until_said("done")
    refused, recorded = noted(outbox)
    assert (refused.category, refused.outcome, refused.item) == ("refusal", "refused", f"cameras/{CAMERA_2}")
    assert (recorded.category, recorded.action) == ("recording", "recording started by hand")
    assert recorded.item == f"cameras/{CAMERA}"
