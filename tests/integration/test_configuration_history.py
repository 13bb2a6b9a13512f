"""Versions of configuration items on a real server: what is kept of them, and the way back."""

import json

import pytest

from tests.support.management_rig import Management, managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory, database_settings):
    with managing(tmp_path_factory.mktemp("data"), **database_settings) as running:
        running.add_operator()
        yield running


def history(server: Management, path: str) -> list[dict]:
    answer = server.rest("GET", path, server.token())
    assert answer.status_code == 200, answer.text
    return answer.json()["array"]


def go_back(server: Management, change: dict, task: str, **more):
    return server.rest("POST", f"configurationChanges/{change['id']}?task={task}", server.token(), **more)


def gate(server: Management) -> str:
    reply, _ = server.enrol()
    with server.client() as client:
        return client.add_hardware(reply.id, "rtsp://10.1.0.1/a", "root", "very-geheim", name="Gate")


def name_of(server: Management, hardware: str) -> str:
    return server.rest("GET", f"hardware/{hardware}", server.token()).json()["data"]["name"]


def test_every_version_is_kept_with_who_and_what_and_no_secret(server):
    hardware = gate(server)
    with server.client() as client:
        client.rename("hardware", hardware, "Door")
        client.update_hardware(hardware, password="another-geheim")
    found = history(server, f"hardware/{hardware}/history")
    assert [each["action"] for each in found] == ["changed", "changed", "created"]
    assert found[0]["changes"] == [{"property": "secrets", "before": "***", "after": "***"}]
    assert found[1]["changes"] == [{"property": "name", "before": "Gate", "after": "Door"}]
    assert (found[1]["user"], found[1]["item"]) == ("admin", {"type": "hardware", "id": hardware})
    assert found[1]["address"] == "127.0.0.1"
    assert "geheim" not in json.dumps(found)
    one = server.rest("GET", f"configurationChanges/{found[1]['id']}", server.token()).json()["data"]
    assert one == found[1]
    everything = history(server, "configurationChanges?user=admin&kind=hardware&size=2")
    assert [each["id"] for each in everything] == [each["id"] for each in found[:2]]


def test_back_to_an_earlier_version_with_its_password(server):
    hardware = gate(server)
    with server.client() as client:
        client.update_hardware(hardware, password="another-geheim")
        client.rename("hardware", hardware, "Door")
    renamed, _, made = history(server, f"hardware/{hardware}/history")
    conflict = go_back(server, renamed, "Undo", headers={"If-Match": '"1"'})
    assert conflict.status_code == 412
    assert (conflict.json()["error"]["expected"], conflict.json()["error"]["current"]) == (1, 3)
    assert go_back(server, renamed, "Undo", headers={"If-Match": '"3"'}).status_code == 200
    assert name_of(server, hardware) == "Gate"
    assert go_back(server, made, "Restore").status_code == 200
    newest = history(server, f"hardware/{hardware}/history")[0]
    assert newest["changes"] == [{"property": "secrets", "before": "***", "after": "***"}]


def test_what_was_deleted_comes_back_with_all_below_it(server):
    hardware = gate(server)
    cameras = [each["id"] for each in history(server, f"hardware/{hardware}/cameras")]
    with server.client() as client:
        client.rename("cameras", cameras[0], "Gate, outside")
        client.delete_hardware(hardware)
    deleted = history(server, f"hardware/{hardware}/history")[0]
    assert deleted["action"] == "deleted"
    assert go_back(server, deleted, "Restore").status_code == 409
    back = go_back(server, deleted, "Undo")
    assert back.status_code == 200, back.text
    assert back.json()["result"]["items"] >= 2
    camera = server.rest("GET", f"cameras/{cameras[0]}", server.token()).json()["data"]
    assert camera["name"] == "Gate, outside"
    assert int(camera["etag"]) > 2  # an old tag matches nothing
    again = go_back(server, deleted, "Undo")
    assert (again.status_code, "is there" in again.text) == (409, True)


def test_a_creation_is_undone_and_accounts_do_not_come_back(server):
    token = server.token()
    made = server.rest("POST", "userDefinedEvents", token, json={"name": "Bell"}).json()["result"]["id"]
    created = history(server, f"userDefinedEvents/{made}/history")[0]
    assert go_back(server, created, "Undo").status_code == 200
    assert server.rest("GET", f"userDefinedEvents/{made}", token).status_code == 404
    user = server.rest("POST", "basicUsers", token, json={"name": "gone", "password": "correct horse 9"}).json()
    server.rest("DELETE", f"basicUsers/{user['result']['id']}", token)
    deleted = history(server, f"basicUsers/{user['result']['id']}/history")[0]
    refused = go_back(server, deleted, "Undo")
    assert (refused.status_code, "make a new one" in refused.text) == (409, True)


def test_who_may_not_and_what_makes_no_sense(server):
    operator = server.token("olga")
    for method, path in (("GET", "configurationChanges"), ("POST", "configurationChanges/1?task=Undo")):
        assert server.rest(method, path, operator).status_code == 403
        assert server.rest(method, path).status_code == 401
    token = server.token()
    wrong = {"configurationChanges?size=0": 400, "configurationChanges?colour=red": 400, "configurationChanges/x": 404}
    wrong |= {
        "configurationChanges/999999": 404,
        "configurationChanges?from=soon": 400,
        "configurationChanges/1/2": 404,
    }
    for path, status in wrong.items():
        assert server.rest("GET", path, token).status_code == status, path
    assert server.rest("POST", "configurationChanges/1?task=Fly", token).status_code == 400
    assert server.rest("DELETE", "configurationChanges/1", token).status_code == 405
