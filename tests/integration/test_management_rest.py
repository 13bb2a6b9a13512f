"""The configuration API: recorders join, devices are added and changed, two administrators meet, restarts keep all."""

import threading

import pytest

from common.clients.management_values import ChangedMeanwhile, NotFound, ValidationFailed
from tests.support.management_rig import managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory, database_settings):
    with managing(tmp_path_factory.mktemp("data"), **database_settings) as running:
        yield running


@pytest.fixture(scope="module")
def recorder(server):
    return server.enrol()


@pytest.fixture
def client(server):
    with server.client() as signed_in:
        yield signed_in


def feed(server, recorder, after=-1, wait=0):
    reply, token = recorder
    path = f"/api/internal/v1/recorders/{reply.id}/configuration?after={after}&wait={wait}"
    return server.send("GET", path, token)


def test_an_enrolment_token_counts_once(server, recorder):
    reply, _ = recorder
    assert "BEGIN CERTIFICATE" in reply.certificate_pem
    body = {"token": "guessed", "csr_pem": "x", "name": "x", "kind": "recording", "media_port": 1, "hosts": ["x"]}
    assert server.send("POST", "/api/internal/v1/enrol", json=body).status_code == 403


def test_a_reporting_recorder_is_online_and_reached_by_the_viewers_name(server, recorder, client):
    reply, token = recorder
    path = f"/api/internal/v1/recorders/{reply.id}/status"
    assert server.send("POST", path, server.token(), json={"address": "x", "port": 1}).status_code == 403
    report = {"address": "recorder.example", "port": 7601, "version": "1"}
    assert server.send("POST", path, token, json=report).status_code == 204
    shown = next(each for each in client.recording_servers() if each.id == reply.id)
    assert (shown.online, shown.port, shown.host_name) == (True, 7601, "recorder.example")
    assert shown.media_uri == "wss://127.0.0.1:7601/media"
    server.clock.move(60)
    assert not next(each for each in client.recording_servers() if each.id == reply.id).online


def test_adding_hardware_makes_devices_and_wakes_the_recorder(server, recorder, client):
    reply, _ = recorder
    version = feed(server, recorder).json()["version"]
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(feed(server, recorder, after=version, wait=20)))
    waiting.start()
    hardware_id = client.add_hardware(reply.id, "rtsp://root:s3cret-pass@10.0.0.9/stream?x=1", name="Gate")
    waiting.join(20)
    assert answers[0].status_code == 200
    document = answers[0].json()
    told = next(each for each in document["hardware"] if each["id"] == hardware_id)
    assert (told["url"], told["user"], told["password"]) == ("rtsp://10.0.0.9/stream?x=1", "root", "s3cret-pass")
    camera = next(each for each in client.cameras() if each.hardware_id == hardware_id)
    assert (told["camera"]["id"], camera.name) == (camera.id, "Gate")
    assert any(each.hardware_id == hardware_id for each in client.microphones())
    assert "s3cret-pass" not in server.rest("GET", f"hardware/{hardware_id}", server.token()).text
    for file in (server.data / "management").glob("configuration.sqlite3*"):
        assert b"s3cret-pass" not in file.read_bytes()
    client.delete_hardware(hardware_id)
    assert all(each.hardware_id != hardware_id for each in client.cameras())
    with pytest.raises(NotFound):
        client.delete_hardware(hardware_id)


def test_a_configuration_that_did_not_change_is_not_sent_again(server, recorder):
    version = feed(server, recorder).json()["version"]
    assert feed(server, recorder, after=version).status_code == 204
    assert feed(server, recorder, after=version + 1000).status_code == 200  # ours was restored from a backup


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "required"),
        ("10.0.0.9", "must begin with"),
        ("ftp://10.0.0.9/", "must begin with"),
        ("rtsp://", "names no device"),
        ("rtsp://10.0.0.9:99999/", "wrong port"),
        ("simulator:", "needs a name"),
    ],
)
def test_a_wrong_address_is_explained(recorder, client, address, words):
    with pytest.raises(ValidationFailed) as refused:
        client.add_hardware(recorder[0].id, address)
    assert words in refused.value.problems["hardwareAddress"]


def test_an_address_is_used_once(recorder, client):
    client.add_hardware(recorder[0].id, "simulator:twice")
    with pytest.raises(ValidationFailed, match="in use by twice"):
        client.add_hardware(recorder[0].id, "simulator:twice")


def test_changes_reach_the_recorder(server, recorder, client):
    hardware_id = client.add_hardware(recorder[0].id, "simulator:yard", name="Yard")
    camera = next(each for each in client.cameras() if each.hardware_id == hardware_id)
    client.rename("cameras", camera.id, "Back yard")
    client.set_enabled("cameras", camera.id, False)
    client.update_hardware(hardware_id, address="rtsp://10.1.1.1/a", user_name="u", password="p")
    told = next(each for each in feed(server, recorder).json()["hardware"] if each["id"] == hardware_id)
    assert (told["url"], told["user"], told["password"]) == ("rtsp://10.1.1.1/a", "u", "p")
    assert (told["camera"]["name"], told["camera"]["enabled"]) == ("Back yard", False)
    names = [each["name"] for each in server.rest("GET", "cameras", server.token()).json()["array"]]
    assert "Back yard" not in names  # disabled ones only with the flag
    found = server.rest("GET", "cameras?disabled&name=contains:'BACK'", server.token()).json()["array"]
    assert [each["name"] for each in found] == ["Back yard"]
    assert len(found[0]["lastModified"]) == 28


def test_two_administrators_do_not_overwrite_each_other(server, recorder, client):
    hardware_id = client.add_hardware(recorder[0].id, "simulator:shared")
    read = next(each for each in client.hardware() if each.id == hardware_id)
    client.rename("hardware", hardware_id, "first", etag=read.etag)
    with server.client() as other, pytest.raises(ChangedMeanwhile):
        other.rename("hardware", hardware_id, "second", etag=read.etag)
    stale = {"If-Match": f'"{read.etag}"'}
    answer = server.rest("PATCH", f"hardware/{hardware_id}", server.token(), json={"name": "x"}, headers=stale)
    assert answer.status_code == 412
    assert next(each for each in client.hardware() if each.id == hardware_id).name == "first"


def test_each_wrong_property_is_named(server, recorder, client):
    hardware_id = client.add_hardware(recorder[0].id, "simulator:named")
    body = {"name": " ", "transport": "carrier pigeon"}
    answer = server.rest("PATCH", f"hardware/{hardware_id}", server.token(), json=body)
    assert answer.status_code == 400
    assert {row["propertyName"] for row in answer.json()["error"]["details"]} == set(body)
    assert next(each for each in client.hardware() if each.id == hardware_id).name == "named"


def test_a_whole_item_can_be_sent_back(server, recorder, client):
    camera = client.add_hardware(recorder[0].id, "simulator:whole") and client.cameras()[-1]
    token = server.token()
    item = server.rest("GET", f"cameras/{camera.id.upper()}", token)
    assert item.headers["ETag"] == f'"{camera.etag}"'
    sent = {**item.json()["data"], "description": "new"}
    answer = server.rest("PUT", f"Cameras/{camera.id}/", token, json=sent)
    assert (answer.status_code, answer.json()["data"]["description"]) == (200, "new")


def test_children_nested_lists_pages_and_unknown_resources(server, recorder):
    token, recorder_id = server.token(), recorder[0].id
    tree = server.rest("GET", "recordingServers?includeChildren=storages,hardware,cameras", token).json()["array"][0]
    assert tree["storages"][0]["isDefault"] is True
    assert all("cameras" in each for each in tree["hardware"])
    nested = server.rest("GET", f"recordingServers/{recorder_id}/hardware?page=0&size=1", token).json()["array"]
    assert len(nested) == 1
    assert nested[0]["relations"]["parent"] == {"type": "recordingServers", "id": recorder_id}
    unknown = server.rest("GET", "flyingSaucers", token)
    assert unknown.json()["error"]["details"][0]["errorText"] == "Unknown resource: flyingSaucers"
    assert server.rest("GET", "cameras/0000", token).status_code == 404
    assert server.send("GET", "/nowhere").json()["error"]["httpCode"] == 404


def test_a_restart_keeps_everything(tmp_path):
    with managing(tmp_path) as before, before.client() as client:
        recorder = before.enrol()
        client.add_hardware(recorder[0].id, "rtsp://u:pw@10.0.0.1/", name="Kept")
        first = feed(before, recorder).json()
        form = {"grant_type": "password", "username": "admin", "password": "correct horse 9", "client_id": "VmsClient"}
        session = before.grant(**form).json()
    with managing(tmp_path, password=None) as after:
        assert not after.running.first_start
        assert after.rest("GET", "cameras", session["access_token"]).json()["array"][0]["name"] == "Kept"
        assert feed(after, recorder).json()["hardware"] == first["hardware"]
        again = after.grant(grant_type="refresh_token", refresh_token=session["refresh_token"], client_id="VmsClient")
        assert again.status_code == 200


def test_a_removed_recorder_is_no_longer_let_in(server):
    gone = server.enrol("gone")
    assert server.rest("DELETE", f"recordingServers/{gone[0].id}", server.token()).status_code == 200
    assert feed(server, gone).status_code == 401
    form = {"grant_type": "client_credentials", "client_id": gone[0].client_id, "client_secret": gone[0].client_secret}
    assert server.grant(**form).status_code == 400


def test_a_recorder_learns_of_revoked_tokens(server, recorder):
    with server.client() as client:
        client.access_token()
        before = set(feed(server, recorder).json()["revoked"])
        client.sign_out()
    assert len(set(feed(server, recorder).json()["revoked"]) - before) == 1
