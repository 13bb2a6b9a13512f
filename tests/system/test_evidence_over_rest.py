"""Evidence locks through the site's REST interface, held by the recorder that has the recordings."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.running_site import RunningSite, running_site

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


def asked(site: RunningSite, method: str, path: str, json: object = None, token: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token or site.client.access_token()}"}
    url = f"{site.told['management']['https']}/api/rest/v1/{path}"
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method, url, headers=headers, json=json, verify=site.told["management"]["ca"], timeout=60
        )


def locks_of(site: RunningSite) -> list[dict[str, Any]]:
    answer = asked(site, "GET", "evidenceLocks").json()
    assert "problems" not in answer
    return answer["array"]


def test_a_lock_is_made_found_extended_and_removed(site: RunningSite) -> None:
    hardware = site.client.add_hardware(site.recorder.id, "simulator:video", "", "", name="Gate")
    camera = next(each.id for each in site.client.cameras() if each.hardware_id == hardware)
    path = {"type": "cameras", "id": camera}
    body = {
        "header": "Theft",
        "description": "At the gate",
        "reference": asked(site, "POST", "evidenceLocks?task=newReference").json()["result"]["reference"],
        "startTime": "2026-05-01T12:00:00.0000000Z",
        "endTime": "2026-05-01T12:05:00Z",
        "tagTime": "2026-05-01T12:01:00Z",
        "retentionOption": {"retentionOption": "days", "retentionUnits": 30},
        "devicePaths": [path],
    }
    answer = asked(site, "POST", "evidenceLocks", body)
    while answer.status_code in (404, 503):  # the recorder reports, and is told of the camera, a moment later
        assert "error" not in answer.json()
        answer = asked(site, "POST", "evidenceLocks", body)
    assert answer.status_code == 201, answer.text
    made = answer.json()["result"]
    assert (made["state"], made["header"], made["devicePaths"]) == ("Success", "Theft", [path])
    assert (made["startTime"], made["endTime"]) == ("2026-05-01T12:00:00.0000000Z", "2026-05-01T12:05:00.0000000Z")
    assert made["retentionOption"] == {"retentionOption": "userDefined"}
    assert (site.recordings / "locks" / f"{made['id']}.json").exists()
    assert [lock["id"] for lock in locks_of(site)] == [made["id"]]
    for query, count in (
        ({"searchText": "THEFT"}, 1),
        ({"searchText": "fire"}, 0),
        ({"startTime": "2026-05-01T12:05:00Z"}, 0),
        ({"devicePaths": [f"cameras/{camera}"], "endTime": "2026-05-01T12:01:00Z"}, 1),
    ):
        assert len(asked(site, "POST", "evidenceLocks?task=search", query).json()["array"]) == count
    one = f"evidenceLocks/{made['id']}"
    changed = asked(site, "PATCH", one, {"endTime": "2026-05-01T13:00:00Z", "retentionOption": "indefinite"}).json()
    assert changed["data"]["endTime"] == "2026-05-01T13:00:00.0000000Z"
    assert changed["data"]["retentionExpire"].startswith("0001-01-01")
    assert asked(site, "GET", one).json()["data"] == changed["data"]
    assert asked(site, "PATCH", one, changed["data"]).status_code == 200  # what was read can be written back
    assert asked(site, "DELETE", one).json() == {"state": "Success"}
    assert asked(site, "GET", one).status_code == 404
    assert locks_of(site) == []


def test_wrong_requests_say_what_is_wrong_without_an_envelope(site: RunningSite) -> None:
    good = {"startTime": "2026-05-01T12:00:00Z", "endTime": "2026-05-01T12:05:00Z", "devicePaths": []}
    unknown = "cameras/00000000-0000-4000-8000-000000000001"
    for body, name in (
        ({}, "startTime"),
        (good, "devicePaths"),
        (good | {"devicePaths": [unknown]}, "devicePaths"),
        (good | {"devicePaths": [unknown], "startTime": "noon"}, "startTime"),
        (good | {"devicePaths": [unknown], "endTime": "2026-05-01T11:00:00Z"}, "endTime"),
        (good | {"devicePaths": [unknown], "surprise": 1}, "surprise"),
        (good | {"devicePaths": [unknown], "retentionOption": {"retentionOption": "ages"}}, "retentionOption"),
    ):
        answer = asked(site, "POST", "evidenceLocks", body)
        assert answer.status_code == 400, answer.text
        assert [row.get("propertyName") for row in answer.json()["details"]] == [name]
    for method, path, status in (
        ("GET", "evidenceLocks/no-such", 404),
        ("DELETE", "evidenceLocks/no-such", 404),
        ("PUT", "evidenceLocks", 405),
        ("GET", "evidenceLocks/a/b", 404),
    ):
        answer = asked(site, method, path)
        assert (answer.status_code, answer.json()["httpCode"]) == (status, status)
    assert asked(site, "GET", "evidenceLocks", token="nonsense").status_code == 401


def test_storages_report_how_they_are(site: RunningSite) -> None:
    storage = asked(site, "GET", "storages").json()["array"][0]["id"]
    while not (data := asked(site, "GET", f"storageInformation/{storage}").json()["data"])["isAvailable"]:
        time.sleep(0.2)  # the recorder reports every ten seconds
    assert data["isMounted"]
    assert data["freeSpace"] > 0
    assert data["deletionHeld"] is None
    assert asked(site, "GET", "storageInformation/no-such").status_code == 404
    assert asked(site, "GET", f"archiveStorageInformation/{storage}").status_code == 404
    assert asked(site, "POST", f"storageInformation/{storage}").status_code == 405
    confirmed = asked(site, "POST", f"storages/{storage}?task=ConfirmDeletion", {})
    assert confirmed.status_code == 404, confirmed.text
    assert "no deletion waits" in confirmed.text
    (site.recordings / ".deletion-held.json").write_text(
        '{"since_us": 1, "segments": 30, "of": 40, "confirmed": false}'
    )
    assert asked(site, "POST", f"storages/{storage}?task=ConfirmDeletion", {}).status_code == 200


def test_a_lock_outlives_a_restart_and_the_loss_of_the_recorders_own_copy(tmp_path: Path) -> None:
    with running_site(tmp_path) as site:
        hardware = site.client.add_hardware(site.recorder.id, "simulator:video", "", "", name="Gate")
        camera = next(each.id for each in site.client.cameras() if each.hardware_id == hardware)
        times = {"startTime": "2026-05-01T12:00:00Z", "endTime": "2026-05-01T12:05:00Z"}
        body = {**times, "header": "Theft", "devicePaths": [f"cameras/{camera}"]}
        while (answer := asked(site, "POST", "evidenceLocks", body)).status_code in (404, 503):
            time.sleep(0.1)
        made = answer.json()["result"]["id"]
    copies = [*tmp_path.rglob(f"locks/{made}.json")]
    assert len(copies) >= 1
    for copy in copies[1:]:
        copy.unlink()
    with running_site(tmp_path) as site:
        while not (found := asked(site, "GET", "evidenceLocks").json())["array"]:
            time.sleep(0.1)
        assert [(lock["id"], lock["header"]) for lock in found["array"]] == [(made, "Theft")]
