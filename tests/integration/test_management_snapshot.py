"""The configuration as clients hold it: whole, compressed, then only what changed, and only what a user may see."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from common.model.permissions import CAMERAS, Verb
from common.model.users import OPERATORS_ROLE_ID
from tests.support.management_rig import Management, managing


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Management]:
    with managing(tmp_path) as running:
        running.add_operator()
        yield running


def ask(server: Management, token: str, after: str = "", **headers: str) -> Any:
    path = "/api/snapshot/v1" + (f"?after={after}" if after else "")
    answer = server.send("GET", path, token, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def cameras_of(told: Any) -> dict[str, Any]:
    return {item[1]: item for item in told["items"] if item[0] == "cameras"}


@pytest.fixture
def camera(server: Management) -> str:
    recorder, _ = server.enrol()
    admin = server.token()
    body = {"hardwareAddress": "simulator:1", "userName": "", "password": "", "name": "Gate"}
    path = f"recordingServers/{recorder.id}?task=AddHardware"
    task = server.rest("POST", path, admin, json=body).json()["result"]["path"]["id"]
    while server.rest("GET", f"tasks/{task}", admin).json()["data"]["state"] != "Success":
        continue
    return str(server.rest("GET", "cameras", admin).json()["array"][0]["id"])


def test_whole_then_what_changed(server: Management, camera: str) -> None:
    admin = server.token()
    first = ask(server, admin)
    assert first["full"]
    item = cameras_of(first)[camera]
    shown = server.rest("GET", f"cameras/{camera}", admin).json()["data"]
    filled = {**first["defaults"]["cameras"], **item[4]}
    assert filled == {name: shown[name] for name in filled} | {"createdDate": filled["createdDate"]}
    assert item[2] == shown["relations"]["parent"]["id"]
    places = [each[1] for each in first["items"]]
    assert places.index(item[2]) < places.index(camera)
    assert server.send("GET", f"/api/snapshot/v1?after={first['tag']}", admin).status_code == 304
    server.rest("PATCH", f"cameras/{camera}", admin, json={"shortName": "G"})
    second = ask(server, admin, first["tag"])
    assert not second["full"]
    assert cameras_of(second)[camera][4]["shortName"] == "G"
    assert len(second["items"]) == 1
    server.rest("DELETE", f"hardware/{item[2]}", admin)
    third = ask(server, admin, second["tag"])
    assert (third["items"], third["deleted"]) == ([], [item[2]])
    for wrong in ("nonsense", "x.1", f"{first['tag'].partition('.')[0]}.99999", "..", "9" * 40):
        assert ask(server, admin, wrong)["full"]


def test_it_comes_compressed_to_who_can_read_that(server: Management, camera: str) -> None:
    admin = server.token()
    plain = server.send("GET", "/api/snapshot/v1", admin, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    packed = server.send("GET", "/api/snapshot/v1", admin, headers={"Accept-Encoding": "br, gzip"}, stream=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.raw.read())) == plain.json()


def test_only_what_a_user_may_see(server: Management, camera: str) -> None:
    admin, olga = server.token(), server.token("olga")
    before = ask(server, olga)
    assert camera in cameras_of(before)
    kinds = {item[0] for item in before["items"]}
    assert "basicUsers" not in kinds
    denied = {"securityNamespace": CAMERAS.id, "item": camera, "deny": [Verb.READ]}
    assert server.rest("PUT", f"roles/{OPERATORS_ROLE_ID}/permissions", admin, json=denied).status_code == 200
    after = ask(server, olga, before["tag"])
    assert after["full"]
    assert camera not in cameras_of(after)
    server.rest("PATCH", f"cameras/{camera}", admin, json={"shortName": "secret"})
    again = ask(server, olga, after["tag"])
    assert again["items"] == []
    assert "secret" not in json.dumps(again)
    assert camera in cameras_of(ask(server, admin))
    assert server.send("GET", "/api/snapshot/v1").status_code == 401
