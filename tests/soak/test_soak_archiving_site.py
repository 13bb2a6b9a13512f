"""A running system archives by itself: footage moves when it is a minute old, and plays on from the archive."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.protocols.media_channel.messages import Subscribe
from tests.support.running_site import RunningSite, running_site
from tests.support.site_viewer import site_viewer
from tests.support.soak import WHOLE

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not WHOLE, reason="footage has to grow a minute old; make soak"),
    pytest.mark.timeout(600),
]


def ask(site: RunningSite, method: str, path: str, body: dict[str, object] | None = None) -> dict:
    url = f"{site.told['management']['https']}/api/rest/v1/{path}"
    headers = {"Authorization": f"Bearer {site.client.access_token()}"}
    answer = httpx.request(method, url, headers=headers, json=body, verify=site.tls())
    assert answer.is_success, answer.text
    return answer.json()


async def test_footage_moves_to_the_archive_and_plays_across_the_border(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEDETTE_RECORDING__SEGMENT_S", "10")
    archive = tmp_path / "archive"
    archive.mkdir()
    with running_site(tmp_path / "data") as site:
        storage = ask(site, "GET", f"recordingServers/{site.recorder.id}/storages")["array"][0]["id"]
        ask(site, "PATCH", f"storages/{storage}", {"retainMinutes": 1})
        wanted = {"name": "Archive", "diskPath": str(archive), "retainMinutes": 60, "archiveEveryMinutes": 1}
        ask(site, "POST", f"storages/{storage}/archiveStorages", wanted)
        began = SystemClock().now_us()
        hardware = site.client.add_hardware(site.recorder.id, "simulator:gate?sound=0", "", "", name="Gate")
        camera = next(item.id for item in site.client.cameras() if item.hardware_id == hardware)
        deadline_s = time.monotonic() + 300
        moved: list[str] = []
        while len(moved) < 2:
            assert time.monotonic() < deadline_s, "nothing was archived"
            await asyncio.sleep(1)
            left = {path.stem for path in site.recordings.rglob("*.mp4")}
            moved = sorted(path.stem for path in archive.rglob("*.mp4") if path.stem not in left)
        async with site_viewer(site) as viewer:
            assert viewer.connection is not None
            spans = await viewer.sequences(camera, began, SystemClock().now_us())
            assert len(spans) == 1, spans
            viewer.connection.send(Subscribe(1, camera, from_us=UtcUs(int(moved[-1]) - US_PER_S), speed=8.0))
            border = int(moved[-1]) + 12 * US_PER_S
            await viewer.until(lambda: bool(viewer.units) and viewer.units[-1].utc_us > border, 60)
            times = [unit.utc_us for unit in viewer.units]
            assert times == sorted(set(times))
            assert max(b - a for a, b in pairwise(times)) < 1.5 * US_PER_S  # at this speed keyframes only
