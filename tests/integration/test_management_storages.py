"""Storages and archives over the REST interface, and what the recorder is told of them."""

import pytest

from tests.support.management_rig import managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory, database_settings):
    with managing(tmp_path_factory.mktemp("data"), **database_settings) as running:
        yield running


def test_storages_are_made_used_changed_and_removed(server):
    (reply, recorder_token), token = server.enrol(), server.token()

    def ask(method, path, json=None, status=None):
        answer = server.rest(method, path, token, json=json)
        assert status is None or answer.status_code == status, answer.text
        return answer.json()

    def told():
        path = f"/api/internal/v1/recorders/{reply.id}/configuration?after=-1&wait=0"
        return server.send("GET", path, recorder_token).json()

    below = f"recordingServers/{reply.id}/storages"
    first = ask("GET", below)["array"][0]
    assert [each["id"] for each in told()["storages"]] == [first["id"]]
    for wrong in ("recordings", "s3://bucket", ""):
        ask("POST", below, {"name": "Fast", "diskPath": wrong}, 400)
    made = ask("POST", below, {"name": "Fast", "diskPath": "/srv/fast", "retainMinutes": 60}, 201)["result"]
    ask("POST", below, {"name": "Again", "diskPath": "/srv/fast/"}, 400)
    ask("POST", below, {"name": "Again", "diskPath": "/srv/x", "retainMinutes": 365_000 * 1440 + 1}, 400)
    promised = {"encryptionMethod": "Strong"}  # without a password they would be lost with the recorder's own key
    ask("POST", below, {"name": "Safe", "diskPath": "/srv/safe", **promised}, 400)
    ask("PATCH", f"storages/{made['id']}", promised, 400)
    encrypt = f"storages/{made['id']}?task="
    ask("POST", encrypt + "EnableEncryption", {"encryptionMethod": "Strong", "password": "short"}, 400)
    ask("POST", encrypt + "EnableEncryption", {"encryptionMethod": "Odd", "password": "correct horse"}, 400)
    ask("POST", encrypt + "ChangeEncryptionKey", {}, 400)
    ask("POST", encrypt + "EnableEncryption", {"encryptionMethod": "Strong", "password": "correct horse"})
    ask("POST", encrypt + "ChangeEncryptionKey", {})
    ask("POST", encrypt + "ChangeEncryptionMethod", {"encryptionMethod": "Light"})
    safe = told()["storages"][1]
    assert (safe["encryption"], safe["password"], safe["keys"]) == ("Light", "correct horse", 2)
    assert "correct horse" not in str(ask("GET", f"storages/{made['id']}"))
    ask("POST", encrypt + "DisableEncryption", {})
    archives = f"storages/{made['id']}/archiveStorages"
    ask("POST", archives, {"name": "Old", "diskPath": "s3://bucket/old", "retainMinutes": 59}, 400)
    archive = ask("POST", archives, {"name": "Old", "diskPath": "s3://bucket/old", "retainMinutes": 120}, 201)["result"]
    ask("PATCH", f"storages/{made['id']}", {"retainMinutes": 121}, 400)
    spill = {"type": "storages", "id": first["id"]}
    ask(
        "PATCH",
        f"storages/{made['id']}",
        {"retainMinutes": 90, "maxSize": 500, "spillStorage": spill, "signing": True},
        200,
    )
    ask("PATCH", f"storages/{first['id']}", {"spillStorage": spill}, 400)

    answer = ask("POST", f"recordingServers/{reply.id}?task=AddHardware", {"hardwareAddress": "simulator:yard"})
    assert answer["result"]["path"]["type"] == "tasks"
    cameras = []
    while not cameras:
        cameras = ask("GET", "cameras")["array"]
    camera = f"cameras/{cameras[0]['id']}"
    assert cameras[0]["recordingStorage"]["id"] == first["id"]
    ask("PATCH", camera, {"recordingStorage": {"type": "storages", "id": archive["id"]}}, 400)
    move = {"itemSelection": f"storages/{made['id']}", "moveData": False}
    ask("POST", f"{camera}?task=ChangeDeviceRecordingStorage", move, 200)
    document = told()
    assert document["hardware"][0]["camera"]["storage"] == made["id"]
    fast = document["storages"][1]
    assert (fast["path"], fast["retain_minutes"], fast["max_size_mb"]) == ("/srv/fast", 90, 500)
    assert [each["signing"] for each in document["storages"]] == [False, True]
    assert (fast["spill_to"], fast["archives"][0]["url"]) == (first["id"], "s3://bucket/old")

    ask("DELETE", f"storages/{made['id']}", status=400)  # recorded into
    ask("POST", f"storages/{made['id']}?task=SetStorageAsDefault", {}, 200)
    assert [each["id"] for each in told()["storages"]] == [made["id"], first["id"]]
    move = {"itemSelection": f"storages/{first['id']}"}
    ask("POST", f"{camera}?task=ChangeDeviceRecordingStorage", move, 200)
    ask("DELETE", f"storages/{made['id']}", status=400)  # the default one
    ask("POST", f"storages/{first['id']}?task=SetStorageAsDefault", {}, 200)
    ask("DELETE", f"archiveStorages/{archive['id']}", status=200)
    ask("DELETE", f"storages/{made['id']}", status=200)
    assert [each["id"] for each in told()["storages"]] == [first["id"]]


def test_archives_have_times_object_stores_and_grooming(server):
    (reply, recorder_token), token = server.enrol(), server.token()

    def ask(method, path, json=None, status=None):
        answer = server.rest(method, path, token, json=json)
        assert status is None or answer.status_code == status, answer.text
        assert "s3cret" not in answer.text
        return answer.json()

    storage = ask("GET", f"recordingServers/{reply.id}/storages")["array"][0]["id"]
    below = f"storages/{storage}/archiveStorages"
    good = {
        "name": "Cloud",
        "diskPath": "s3://bucket/site-1",
        "retainMinutes": 20_000,
        "endpointUrl": "https://s3.example.com:9000",
        "region": "eu-1",
        "accessKey": "AKIA",
        "secretKey": "s3cret",
        "keyframesOnly": True,
        "archiveSchedules": [
            {"frequencyType": "Daily", "startTime": "02:30"},
            {"frequencyType": "Weekly", "startTime": "12:00", "weekdays": ["Saturday", "Sunday"]},
        ],
    }
    for wrong in (
        {"diskPath": "s3://AKIA:key@bucket/x"},
        {"diskPath": "/srv/archive"},  # a folder has no keys
        {"endpointUrl": "ftp://x"},
        {"endpointUrl": "https://user:password@x"},
        {"accessKey": ""},
        {"secretKey": ""},
        {"archiveSchedules": [{"startTime": "25:00"}]},
        {"archiveSchedules": [{"startTime": "02:00", "frequencyType": "Weekly"}]},
        {"archiveSchedules": [{"startTime": "02:00", "weekdays": ["Someday"]}]},
    ):
        ask("POST", below, {**good, **wrong}, 400)
    made = ask("POST", below, good, 201)["result"]
    shown = ask("GET", f"archiveStorages/{made['id']}", status=200)["data"]
    assert "secretKey" not in shown
    assert (shown["accessKey"], shown["archiveSchedules"][1]["weekdays"]) == ("AKIA", ["Saturday", "Sunday"])
    ask("PATCH", f"archiveStorages/{made['id']}", {"accessKey": ""}, 400)
    path = f"/api/internal/v1/recorders/{reply.id}/configuration?after=-1&wait=0"

    def told():
        document = server.send("GET", path, recorder_token).json()
        return next(each for each in document["storages"] if each["id"] == storage)["archives"][0]

    assert told()["options"] == {
        "endpoint_url": "https://s3.example.com:9000",
        "client_kwargs.region_name": "eu-1",
        "key": "AKIA",
        "secret": "s3cret",
    }
    assert (told()["groom"], told()["at"]) == ("keyframes", ["02:30", "6 12:00", "7 12:00"])
    ask("PATCH", f"archiveStorages/{made['id']}", {"keyframesOnly": False, "archiveSchedules": []}, 200)
    assert (told()["groom"], told()["at"], told()["options"]["secret"]) == ("none", [], "s3cret")
