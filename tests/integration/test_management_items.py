"""Every kind of configuration item over the API: what is declared is what can be listed, created, changed, removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from common.model import kinds
from common.model.device_children import DEFAULT_STREAM
from common.model.identity import Directory, LoginProvider, RegisteredClaim, RoleClaim
from common.model.item import Item, Kind, NamedItem, Shown
from common.model.kinds import ALL
from common.model.permissions import CAMERAS, Verb
from common.model.servers import ArchiveStorage, Storage
from common.model.users import OPERATORS_ROLE_ID, BasicUser
from server.management.api import envelope
from tests.support.management_rig import Management, managing

MADE_OTHERWISE = (BasicUser, Storage, ArchiveStorage, Directory, LoginProvider, RegisteredClaim, RoleClaim)
"""Kinds that need more than a name; they have tests of their own."""
PLAIN = [model for model in ALL if model.kind.creatable and model not in MADE_OTHERWISE]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Management]:
    with managing(tmp_path_factory.mktemp("items")) as running:
        running.add_operator()
        yield running


@pytest.fixture(scope="module")
def admin(server: Management) -> str:
    return server.token()


@pytest.fixture(scope="module")
def camera(server: Management, admin: str) -> str:
    recorder, _ = server.enrol()
    body = {"hardwareAddress": "simulator:1", "userName": "", "password": "", "name": "Gate"}
    path = f"recordingServers/{recorder.id}?task=AddHardware"
    task = server.rest("POST", path, admin, json=body).json()["result"]["path"]["id"]
    while server.rest("GET", f"tasks/{task}", admin).json()["data"]["state"] != "Success":
        continue
    return str(server.rest("GET", "cameras", admin).json()["array"][0]["id"])


def created(server: Management, admin: str, path: str, **body: Any) -> str:
    answer = server.rest("POST", path, admin, json={"name": "New", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["result"]["id"])


def parent_path(server: Management, admin: str, model: type[Item], camera: str) -> str:
    """Return where an item of a kind can be created."""
    above = model.kind.parents[0]
    if above == "sites":
        return model.kind.plural
    if above == "cameras":
        return f"cameras/{camera}/{model.kind.plural}"
    parent = next(other for other in ALL if other.kind.plural == above)
    identifier = created(server, admin, parent_path(server, admin, parent, camera))
    return f"{above}/{identifier}/{model.kind.plural}"


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.kind.plural)
def test_every_kind_is_listed_and_described(server: Management, admin: str, camera: str, model: type[Item]) -> None:
    answer = server.rest("GET", f"{model.kind.plural}?definitions&resources&tasks&disabled", admin)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body["definitions"]) == {each.wire_name for each in model.properties()}
    for shown in body["array"]:
        assert shown["relations"]["self"]["type"] == model.kind.plural
        assert shown["displayName"]
        if model.kind.parents:
            assert shown["relations"]["parent"]["type"] in model.kind.parents
        one = server.rest("GET", f"{model.kind.plural}/{shown['id']}", admin)
        assert one.json()["data"] == shown


@pytest.mark.parametrize("model", PLAIN, ids=lambda model: model.kind.plural)
def test_plain_kinds_are_created_changed_and_removed(
    server: Management, admin: str, camera: str, model: type[Item]
) -> None:
    path = parent_path(server, admin, model, camera)
    identifier = created(server, admin, path, description="first")
    item = f"{model.kind.plural}/{identifier}"
    shown = server.rest("GET", item, admin).json()["data"]
    assert shown["description"] == "first"
    again = server.rest("PUT", item, admin, json={**shown, "description": "second"})  # as clients send it back
    assert again.status_code == 200, again.text
    assert again.json()["data"]["description"] == "second"
    copy = {key: value for key, value in shown.items() if key != "id"} | {"name": "Copy"}
    assert server.rest("POST", model.kind.plural, admin, json=copy).status_code == 201
    unknown = server.rest("PATCH", item, admin, json={"nonsense": 1})
    assert unknown.status_code == (200 if model.is_open() else 400)
    assert server.rest("POST", path, admin, json={"name": ""}).status_code == 400
    assert server.rest("POST", path, server.token("olga"), json={"name": "x"}).status_code == 403
    assert server.rest("DELETE", item, admin).status_code == 200
    assert server.rest("GET", item, admin).status_code == 404


def test_what_a_camera_has_one_of_has_its_id(server: Management, admin: str, camera: str) -> None:
    streams = server.rest("GET", f"cameras/{camera}/streams", admin).json()["array"]
    assert streams[0]["stream"][0]["streamReferenceId"] == DEFAULT_STREAM
    before = server.rest("GET", f"motionDetections/{camera}", admin)
    assert before.json()["data"]["id"] == camera
    assert before.json()["data"]["relations"]["parent"] == {"type": "cameras", "id": camera}
    stale = {"If-Match": '"7"'}
    path = f"motionDetections/{camera}"
    assert server.rest("PATCH", path, admin, json={"threshold": 5}, headers=stale).status_code == 412
    headers = {"If-Match": before.headers["ETag"]}
    changed = server.rest("PATCH", path, admin, json={"threshold": 5}, headers=headers)
    assert changed.json()["data"]["threshold"] == 5
    assert server.rest("GET", path, admin).json()["data"] == changed.json()["data"]
    assert server.rest("PATCH", path, admin, json={"threshold": -1}).status_code == 400
    assert server.rest("GET", f"motionDetections/{OPERATORS_ROLE_ID}", admin).status_code == 404
    assert server.rest("DELETE", path, admin).status_code == 405


def test_views_stand_in_groups_in_groups(server: Management, admin: str) -> None:
    outer = created(server, admin, "viewGroups")
    inner = created(server, admin, f"viewGroups/{outer}/viewGroups")
    places = [{"x": 0, "y": 0, "width": 500, "height": 1000}, {"x": 500, "y": 0, "width": 500, "height": 1000}]
    item = {"viewItemPosition": 0, "viewItemDefinitionXml": "<viewitem />"}
    view = created(server, admin, f"viewGroups/{inner}/views", layoutViewItems=places, viewItem=[item], shortcut="7")
    shown = server.rest("GET", f"viewGroups/{inner}?includeChildren=views", admin).json()["data"]
    assert shown["relations"]["parent"] == {"type": "viewGroups", "id": outer}
    assert shown["views"][0]["layoutViewItems"] == places
    assert shown["views"][0]["viewItem"] == [item]
    assert server.rest("DELETE", f"viewGroups/{outer}", admin).status_code == 200
    assert server.rest("GET", f"views/{view}", admin).status_code == 404


def test_groups_hold_devices_and_hand_permissions_down(server: Management, admin: str, camera: str) -> None:
    outer = created(server, admin, "cameraGroups")
    group = created(server, admin, f"cameraGroups/{outer}/cameraGroups")
    members = f"cameraGroups/{group}/cameras"
    for body in ({"id": camera}, {"itemSelection": f"cameras/{camera}"}):
        assert server.rest("POST", members, admin, json=body).status_code == 201
    assert [each["id"] for each in server.rest("GET", members, admin).json()["array"]] == [camera]
    assert server.rest("POST", members, admin, json={"id": group}).status_code == 404
    assert server.rest("POST", members, admin, json={}).status_code == 400
    path = f"roles/{OPERATORS_ROLE_ID}/permissions"
    denied = {"securityNamespace": CAMERAS.id, "item": outer, "deny": [Verb.READ]}
    assert server.rest("PUT", path, admin, json=denied).status_code == 200
    olga = server.token("olga")
    assert server.rest("GET", "cameras", olga).json()["array"] == []
    assert server.rest("DELETE", f"{members}/{camera}", admin).status_code == 200
    assert server.rest("DELETE", f"{members}/{camera}", admin).status_code == 404
    assert [each["id"] for each in server.rest("GET", "cameras", olga).json()["array"]] == [camera]
    assert server.rest("DELETE", f"cameraGroups/{outer}", admin).status_code == 200


def test_references_name_what_exists(server: Management, admin: str, camera: str) -> None:
    source = created(server, admin, "genericEventDataSources")
    event = created(server, admin, "genericEvents", dataSource={"type": "genericEventDataSources", "id": source})
    for path in ({"type": "genericEventDataSources", "id": "nothing"}, {"type": "cameras", "id": camera}):
        wrong = server.rest("PATCH", f"genericEvents/{event}", admin, json={"dataSource": path})
        assert wrong.status_code == 400
        assert wrong.json()["error"]["details"][0]["propertyName"] == "dataSource"
    assert server.rest("DELETE", f"genericEventDataSources/{source}", admin).status_code == 400
    assert server.rest("DELETE", f"genericEvents/{event}", admin).status_code == 200
    assert server.rest("DELETE", f"genericEventDataSources/{source}", admin).status_code == 200


def test_rules_keep_what_only_their_actions_know(server: Management, admin: str) -> None:
    rule = created(server, admin, "rules", **{"Start.StartRecording.Delay": 3, "StartEventType": "MotionStarted"})
    path = f"rules/{rule}"
    assert server.rest("PATCH", path, admin, json={"Stop.StopRecording.Delay": 4}).status_code == 200
    shown = server.rest("GET", path, admin).json()["data"]
    assert (shown["Start.StartRecording.Delay"], shown["Stop.StopRecording.Delay"]) == (3, 4)


def test_a_role_of_ones_own_gives_what_it_is_given(server: Management, admin: str, camera: str) -> None:
    role = created(server, admin, "roles")
    built_in = {each["id"]: each["builtIn"] for each in server.rest("GET", "roles", admin).json()["array"]}
    assert (built_in[role], built_in[OPERATORS_ROLE_ID]) == (False, True)
    user = server.rest("POST", "basicUsers", admin, json={"name": "gustav", "password": "correct horse 9"})
    user_id = user.json()["result"]["id"]
    added = server.rest("POST", f"roles/{role}/users?task=AddRoleMember", admin, json={"sid": user_id})
    assert added.status_code == 200
    assert server.rest("GET", "cameras", server.token("gustav")).status_code == 403
    body = {"securityNamespace": CAMERAS.id, "item": camera, "allow": [Verb.READ]}
    assert server.rest("PUT", f"roles/{role}/permissions", admin, json=body).status_code == 200
    gustav = server.token("gustav")
    assert [each["id"] for each in server.rest("GET", "cameras", gustav).json()["array"]] == [camera]
    assert server.rest("DELETE", f"roles/{role}", admin).status_code == 200
    assert server.rest("GET", "cameras", gustav).status_code == 401  # the token that named the role is taken back
    assert server.rest("DELETE", f"roles/{OPERATORS_ROLE_ID}", admin).status_code == 400


def test_a_kind_in_ten_lines_is_seen_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Car(NamedItem):
        """A toy car."""

        kind: ClassVar = Kind("toyCars", parents=("sites",), creatable=True, deletable=True)
        wheels: Annotated[int, Field(ge=1, le=18), Shown("Wheels")] = 4

    monkeypatch.setattr(kinds, "ALL", (*ALL, Car))
    monkeypatch.setitem(kinds.BY_PLURAL, "toyCars", Car)  # type: ignore[arg-type]
    monkeypatch.setitem(envelope._BY_LOWER, "toycars", Car)
    kinds.children_of.cache_clear()
    try:
        with managing(tmp_path) as server:
            admin = server.token()
            made = server.rest("POST", "toyCars", admin, json={"name": "Red one", "wheels": 3})
            assert made.status_code == 201
            wrong = server.rest("PATCH", f"toyCars/{made.json()['result']['id']}", admin, json={"wheels": 99})
            assert wrong.json()["error"]["details"][0]["propertyName"] == "wheels"
            described = server.rest("GET", "ToyCars?definitions", admin).json()
            assert described["definitions"]["wheels"]["max"] == 18
            assert described["array"][0]["wheels"] == 3
            site = server.rest("GET", "sites?includeChildren=toyCars&resources", admin).json()
            assert site["array"][0]["toyCars"][0]["displayName"] == "Red one"
            assert {"type": "toyCars", "displayName": "Car"} in site["resources"]
    finally:
        kinds.children_of.cache_clear()
