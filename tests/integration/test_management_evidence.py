"""Evidence locks and storages of recorders that do not answer: management says so, and what it knows."""

import pytest

from tests.support.management_rig import managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory, database_settings):
    with managing(tmp_path_factory.mktemp("data"), **database_settings) as running:
        yield running


def test_recorders_that_do_not_report_are_named(server):
    (reply, recorder_token), token = server.enrol(), server.token()
    answer = server.rest("GET", "evidenceLocks", token)
    assert answer.status_code == 200
    assert answer.json()["array"] == []
    assert [row["recordingServer"]["id"] for row in answer.json()["problems"]] == [reply.id]
    one = server.rest("GET", "evidenceLocks/00000000-0000-4000-8000-000000000001", token)
    assert one.status_code == 503  # it may be there
    assert one.json()["httpCode"] == 503
    assert server.rest("GET", "evidenceLocks").status_code == 401
    storage = server.rest("GET", f"recordingServers/{reply.id}/storages", token).json()["array"][0]["id"]
    refused = server.rest("POST", f"storages/{storage}?task=ConfirmDeletion", token, json={})
    assert refused.status_code == 503

    path = f"/api/internal/v1/recorders/{reply.id}/status"
    stage = {"id": storage, "available": True, "mounted": True, "used_bytes": 7, "segments": 1, "updated_us": 5}
    held = {"since_us": 5, "segments": 30, "of": 40}
    report = {"address": "127.0.0.1", "port": 9, "storages": [stage | {"held": held}]}  # where nobody listens
    assert server.send("POST", path, recorder_token, json=report).status_code == 204
    known = server.rest("GET", f"storageInformation/{storage}", token).json()["data"]
    assert (known["isAvailable"], known["usedSpace"], known["anyTablesWithData"]) == (True, 7, True)
    assert known["deletionHeld"]["segments"] == 30
    assert len(server.rest("GET", "evidenceLocks", token).json()["problems"]) == 1
    server.clock.move(60)
    known = server.rest("GET", f"storageInformation/{storage}", token).json()["data"]
    assert (known["isAvailable"], known["usedSpace"]) == (False, 7)  # what was known last
    wrong = {"address": "127.0.0.1", "port": 9, "storages": [stage | {"used_bytes": -1}]}
    assert server.send("POST", path, recorder_token, json=wrong).status_code == 400


def test_only_administrators_confirm_deletions(server):
    (reply, recorder_token), token = server.enrol(), server.token()
    storage = server.rest("GET", f"recordingServers/{reply.id}/storages", token).json()["array"][0]["id"]
    assert server.rest("POST", f"storages/{storage}?task=ConfirmDeletion", recorder_token, json={}).status_code == 403
    assert server.rest("POST", f"storages/{storage}?task=ConfirmDeletion", json={}).status_code == 401
