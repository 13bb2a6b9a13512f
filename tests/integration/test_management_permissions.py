"""Permissions over the API: what a role is given is what its users see, may do, and what recorders are told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.model.permissions import CAMERAS, SERVERS, Verb
from common.model.users import ADMINISTRATORS_ROLE_ID, OPERATORS_ROLE_ID
from tests.support.management_rig import Management, managing

FULL = CAMERAS.mask(Verb.READ, Verb.VIEW_LIVE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Management]:
    with managing(tmp_path_factory.mktemp("permissions")) as running:
        running.add_operator()
        yield running


@pytest.fixture(scope="module")
def site(server: Management) -> dict[str, Any]:
    """A recorder with two cameras, and the recorder's own token."""
    reply, token = server.enrol()
    admin = server.token()
    for number in (1, 2):
        body = {"hardwareAddress": f"simulator:{number}", "userName": "", "password": "", "name": f"Camera {number}"}
        path = f"recordingServers/{reply.id}?task=AddHardware"
        task = server.rest("POST", path, admin, json=body).json()["result"]["path"]["id"]
        while (state := server.rest("GET", f"tasks/{task}", admin).json()["data"]["state"]) != "Success":
            assert state != "Error"
    cameras = server.rest("GET", "cameras", admin).json()["array"]
    return {"recorder": reply.id, "token": token, "cameras": [camera["id"] for camera in cameras]}


def give(
    server: Management, item: str = "", allow: tuple[Verb, ...] = (), deny: tuple[Verb, ...] = (), **more: Any
) -> Any:
    body = {"securityNamespace": CAMERAS.id, "item": item, "allow": allow, "deny": deny, **more}
    return server.rest("PUT", f"roles/{OPERATORS_ROLE_ID}/permissions", server.token(), json=body)


@pytest.fixture
def restored(server: Management) -> Iterator[None]:
    """Gives the operators back what they had."""
    admin = server.token()
    path = f"roles/{OPERATORS_ROLE_ID}/permissions"
    before = server.rest("GET", path, admin).json()["array"]
    yield
    now = server.rest("GET", path, admin).json()["array"]
    for row in [*({**row, "allow": [], "deny": []} for row in now), *before]:
        assert server.rest("PUT", path, admin, json=row).status_code == 200


def told(server: Management, site: dict[str, Any]) -> dict[str, Any]:
    path = f"/api/internal/v1/recorders/{site['recorder']}/configuration?after=0"
    document: dict[str, Any] = server.send("GET", path, site["token"]).json()
    return document


@pytest.mark.usefixtures("restored")
def test_a_denied_camera_is_gone_from_lists_and_items(server: Management, site: dict[str, Any]) -> None:
    hidden, shown = site["cameras"]
    assert give(server, hidden, deny=(Verb.READ,)).status_code == 200
    olga = server.token("olga")
    assert [each["id"] for each in server.rest("GET", "cameras", olga).json()["array"]] == [shown]
    answer = server.rest("GET", f"cameras/{hidden}", olga)
    assert answer.status_code == 403
    assert answer.json()["error"]["details"][0]["errorTextId"] == "VMO61008"
    below = server.rest("GET", "hardware?includeChildren=cameras", olga).json()["array"]
    assert [camera["id"] for each in below for camera in each["cameras"]] == [shown]
    grants = [grant for grant in told(server, site)["grants"] if grant["item"] == hidden]
    assert [(grant["role"], grant["deny"]) for grant in grants] == [("operators", CAMERAS.mask(Verb.READ))]


@pytest.mark.usefixtures("restored")
def test_what_a_camera_stands_in_hands_down(server: Management, site: dict[str, Any]) -> None:
    camera = site["cameras"][0]
    hardware = server.rest("GET", f"cameras/{camera}", server.token()).json()["data"]["relations"]["parent"]["id"]
    give(server)  # nothing overall
    give(server, hardware, allow=(Verb.READ, Verb.VIEW_LIVE))
    olga = server.token("olga")
    assert [each["id"] for each in server.rest("GET", "cameras", olga).json()["array"]] == [camera]
    ids = ",".join(site["cameras"])
    data = server.rest("GET", f"effectivePermissions/{CAMERAS.id}?objectIds={ids}", olga).json()["data"]
    assert not data["isAdministrator"]
    assert data["objectPermissions"] == [{"id": camera, "mask": FULL}, {"id": site["cameras"][1], "mask": 0}]
    recorded = {item["camera"]["id"]: item["camera"] for item in told(server, site)["hardware"]}
    assert recorded[camera]["within"][:2] == [hardware, site["recorder"]]


@pytest.mark.usefixtures("restored")
def test_who_may_change_cameras_may_change_no_roles(server: Management, site: dict[str, Any]) -> None:
    olga, camera = server.token("olga"), site["cameras"][0]
    assert server.rest("PATCH", f"cameras/{camera}", olga, json={"shortName": "x"}).status_code == 403
    give(server, allow=(Verb.READ, Verb.WRITE))
    assert server.rest("PATCH", f"cameras/{camera}", olga, json={"shortName": "x"}).status_code == 200
    for path in (f"roles/{OPERATORS_ROLE_ID}", f"roles/{OPERATORS_ROLE_ID}/permissions", "basicUsers"):
        for method in ("GET", "PUT", "PATCH", "POST"):
            assert server.rest(method, path, olga, json={}).status_code in (403, 405), (method, path)


def test_grants_that_make_no_sense_are_refused(server: Management) -> None:
    admin = server.token()
    for body, name in (
        ({}, "securityNamespace"),
        ({"securityNamespace": "what"}, "securityNamespace"),
        ({"securityNamespace": CAMERAS.id, "allow": ["FLY"]}, "allow.0"),
        ({"securityNamespace": CAMERAS.id, "deny": ["SPEAK"]}, "deny"),
        ({"securityNamespace": CAMERAS.id, "nonsense": 1}, "nonsense"),
    ):
        answer = server.rest("PUT", f"roles/{OPERATORS_ROLE_ID}/permissions", admin, json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["details"][0]["propertyName"] == name
    body = {"securityNamespace": CAMERAS.id, "deny": ["GENERIC_READ"]}
    assert server.rest("PUT", f"roles/{ADMINISTRATORS_ROLE_ID}/permissions", admin, json=body).status_code == 400
    assert server.rest("PUT", "roles/nobody/permissions", admin, json=body).status_code == 404


def test_the_words_are_listed(server: Management) -> None:
    olga = server.token("olga")
    listed = server.rest("GET", "securityNamespaces", olga).json()["array"]
    assert {each["id"]: each for each in listed}[CAMERAS.id]["name"] == "Cameras"
    one = server.rest("GET", f"SecurityNamespaces/{SERVERS.id.upper()}", olga).json()["data"]
    assert one["securityActions"][0] == {
        "name": "GENERIC_READ", "displayName": "See", "visible": True, "securityMask": 1,
    }  # fmt: skip
    assert server.rest("GET", "securityNamespaces/nothing", olga).status_code == 404
    data = server.rest("GET", f"effectivePermissions/{CAMERAS.id}?objectIds=x", server.token()).json()["data"]
    assert data["isAdministrator"]
    assert data["objectPermissions"][0]["mask"] == CAMERAS.everything


def test_permissions_last_over_a_restart(tmp_path: Path) -> None:
    with managing(tmp_path) as server:
        assert give(server, deny=(Verb.EXPORT,)).status_code == 200
    with managing(tmp_path) as server:
        rows = server.rest("GET", f"roles/{OPERATORS_ROLE_ID}/permissions", server.token()).json()["array"]
        (row,) = [row for row in rows if row["securityNamespace"] == CAMERAS.id]
        assert (row["allow"], row["deny"]) == ([], ["EXPORT"])
