"""Evidence locks and storages of recorders that do not answer: management says so, and what it knows."""

import pytest

from common.model.users import OPERATORS_ROLE_ID
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


def test_evidence_lock_profiles_limit_for_how_long_a_role_locks(server):
    server.add_operator("pat")
    token, operator = server.token(), server.token("pat")
    choices = {"name": "Short", "retentionTimeOptions": ["7 Days", "12 Hours"]}
    made = server.rest("POST", "evidenceLockProfiles", token, json=choices)
    assert made.status_code == 201
    profile = {"type": "evidenceLockProfiles", "id": made.json()["result"]["path"]["id"]}
    lock = {"startTime": "2026-05-01T12:00:00Z", "endTime": "2026-05-01T12:01:00Z", "devicePaths": ["cameras/none"]}

    def refused(caller, **retention):
        answer = server.rest("POST", "evidenceLocks", caller, json=lock | retention)
        assert answer.status_code == 400
        return str(answer.json()["details"])

    def option(word, units):
        return {"retentionOption": {"retentionOption": word, "retentionUnits": units}}

    assert "no camera" in refused(operator)  # without a profile, only what it is about is looked at
    path = f"roles/{OPERATORS_ROLE_ID}"
    assert server.rest("PATCH", path, token, json={"evidenceLockProfile": profile}).status_code == 200
    for wrong in ({}, option("indefinite", 0), option("days", 8), {"retentionExpire": "2030-01-01T00:00:00Z"}):
        assert "do not allow" in refused(operator, **wrong)
    assert "no camera" in refused(operator, **option("days", 7))
    assert "no camera" in refused(operator, **option("Hours", 12), retentionExpire="0001-01-01T00:00:00.0000000")
    assert "no camera" in refused(token)  # administrators
    words = {"retentionTimeOptions": ["UserDefined"]}
    assert server.rest("PATCH", f"evidenceLockProfiles/{profile['id']}", token, json=words).status_code == 200
    assert "no camera" in refused(operator, retentionExpire="2030-01-01T00:00:00Z")
    assert "do not allow" in refused(operator)
