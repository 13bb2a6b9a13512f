"""Bookmarks over REST and through the typed client: who may, what is found, what is refused."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from common.clients.bookmarks import Bookmark, SiteBookmarks, new_bookmark
from common.clients.management_values import NotFound, ValidationFailed
from common.foundation.clock import UtcUs
from common.foundation.errors import NotPermitted
from common.model.permissions import CAMERAS, Verb
from common.model.users import OPERATORS_ROLE_ID
from tests.support.management_rig import START_US, Management, managing

SECOND_US = 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Management]:
    with managing(tmp_path_factory.mktemp("bookmarks")) as running:
        running.add_operator()
        yield running


@pytest.fixture(scope="module")
def cameras(server: Management) -> list[str]:
    reply, _ = server.enrol()
    admin = server.token()
    for number in (1, 2):
        body = {"hardwareAddress": f"simulator:{number}", "userName": "", "password": "", "name": f"Camera {number}"}
        path = f"recordingServers/{reply.id}?task=AddHardware"
        task = server.rest("POST", path, admin, json=body).json()["result"]["path"]["id"]
        while (state := server.rest("GET", f"tasks/{task}", admin).json()["data"]["state"]) != "Success":
            assert state != "Error"
    return [camera["id"] for camera in server.rest("GET", "cameras", admin).json()["array"]]


def mark(camera: str, at_s: int, header: str, description: str = "") -> Bookmark:
    around = (3 * SECOND_US, 30 * SECOND_US)
    return new_bookmark(camera, START_US + at_s * SECOND_US, around, header, description)


def test_bookmarks_are_made_found_changed_and_deleted(server: Management, cameras: list[str]) -> None:
    with server.client("olga") as signed_in:
        site = SiteBookmarks(signed_in)
        van = site.create(mark(cameras[0], 0, "Red van", "Left without paying"))
        assert (van.header, van.user, van.device) == ("Red van", "olga", cameras[0])
        assert (van.begin_us, van.triggered_us, van.end_us) == (
            START_US - 3 * SECOND_US,
            START_US,
            START_US + 30 * SECOND_US,
        )
        assert site.create(dataclasses.replace(van)) == van  # asking twice makes one
        door = site.create(mark(cameras[1], 100, "Door"))
        assert site.search() == [van, door]
        assert site.search(devices=[cameras[1]]) == [door]
        assert site.search(text="PAYING") == [van]
        assert site.search(text="fire") == []
        assert site.search(begin_us=van.end_us, end_us=door.begin_us) == []
        assert site.search(begin_us=van.end_us - 1, end_us=door.begin_us + 1) == [van, door]
        changed = site.change(dataclasses.replace(van, header="Blue van", end_us=UtcUs(van.end_us + 5)))
        assert (changed.header, changed.end_us) == ("Blue van", van.end_us + 5)
        assert site.search(text="blue") == [changed]
        site.delete(van.id)
        assert site.search() == [door]
        with pytest.raises(NotFound):
            site.delete(van.id)
        assert site.create(changed) == changed  # undone, with the id that it had
        for each in (changed, door):
            site.delete(each.id)


def body(camera: str, **more: Any) -> dict[str, Any]:
    path = {"type": "cameras", "id": camera}
    return {"devicePath": path, "timeBegin": "2026-05-01T12:00:00Z", "timeEnd": "2026-05-01T12:01:00Z", **more}


def test_what_is_wrong_is_named_by_its_property(server: Management, cameras: list[str]) -> None:
    admin = server.token()
    good = body(cameras[0])
    unknown = "00000000-0000-4000-8000-000000000001"
    for wrong, name in (
        ({}, "timeBegin"),
        (good | {"timeBegin": "noon"}, "timeBegin"),
        (good | {"timeEnd": "2026-05-01T11:00:00Z"}, "timeEnd"),
        (good | {"timeTriggered": "2026-05-01T13:00:00Z"}, "timeEnd"),
        (good | {"timeEnd": "2029-05-01T12:00:00Z"}, "timeEnd"),
        (good | {"header": "x" * 201}, "header"),
        (good | {"header": 7}, "header"),
        (good | {"surprise": 1}, "surprise"),
        (good | {"id": "mine"}, "id"),
        (body(unknown), "devicePath"),
        (good | {"devicePath": 5}, "devicePath"),
    ):
        answer = server.rest("POST", "bookmarks", admin, json=wrong)
        assert answer.status_code == 400, answer.text
        assert name in [row.get("propertyName") for row in answer.json()["error"]["details"]]
    for search, name in (({"size": 0}, "size"), ({"devicePaths": "x"}, "devicePaths"), ({"color": 1}, "color")):
        answer = server.rest("POST", "bookmarks?task=searchTime", admin, json=search)
        assert answer.json()["error"]["details"][0]["propertyName"] == name
    for method, path, status in (
        ("GET", "bookmarks", 405),
        ("GET", "bookmarks/none", 404),
        ("PATCH", "bookmarks/none", 404),
        ("GET", "bookmarks/a/b", 404),
    ):
        assert server.rest(method, path, admin).status_code == status
    assert server.rest("POST", "bookmarks", json=good).status_code == 401
    assert server.rest("POST", "bookmarks?task=newReference", admin).json()["result"]["reference"].startswith("no.")


def test_searching_page_by_page(server: Management, cameras: list[str]) -> None:
    admin = server.token()
    made = [
        server.rest("POST", "bookmarks", admin, json=body(cameras[0], header=f"{n}")).json()["result"]["id"]
        for n in range(5)
    ]
    found: list[str] = []
    while True:
        search = {"size": 2, "after": found[-1]} if found else {"size": 2}
        page = server.rest("POST", "bookmarks?task=searchTime", admin, json=search).json()["array"]
        if not page:
            break
        found += [each["id"] for each in page]
    assert sorted(found) == sorted(made)
    for each in made:
        server.rest("DELETE", f"bookmarks/{each}", admin)


def test_who_may_not_see_a_camera_sees_no_bookmark_of_it(server: Management, cameras: list[str]) -> None:
    admin = server.token()
    made = server.rest("POST", "bookmarks", admin, json=body(cameras[0], header="Secret")).json()["result"]["id"]
    denied = {"securityNamespace": CAMERAS.id, "item": cameras[0], "allow": [], "deny": [Verb.BOOKMARK]}
    path = f"roles/{OPERATORS_ROLE_ID}/permissions"
    with server.client("olga") as signed_in:
        site = SiteBookmarks(signed_in)
        assert server.rest("PUT", path, admin, json=denied).status_code == 200
        (secret,) = site.search(text="secret")
        with pytest.raises(NotPermitted):
            site.delete(secret.id)
        with pytest.raises(NotPermitted):
            site.create(mark(cameras[0], 0, "No"))
        assert server.rest("PUT", path, admin, json=denied | {"deny": [Verb.SEE_BOOKMARKS]}).status_code == 200
        assert site.search(text="secret") == []
        with pytest.raises(NotFound):
            site.change(secret)
        with pytest.raises(ValidationFailed):
            site.create(mark("00000000-0000-4000-8000-000000000001", 0, "No"))
        assert server.rest("PUT", path, admin, json=denied | {"deny": []}).status_code == 200
    assert server.rest("DELETE", f"bookmarks/{made}", admin).status_code == 200


def test_bookmarks_go_with_their_camera(server: Management, cameras: list[str]) -> None:
    admin = server.token()
    made = server.rest("POST", "bookmarks", admin, json=body(cameras[1], header="Gone")).json()["result"]["id"]
    parent = server.rest("GET", f"cameras/{cameras[1]}", admin).json()["data"]["relations"]["parent"]["id"]
    assert server.rest("DELETE", f"hardware/{parent}", admin).status_code == 200
    assert server.rest("GET", f"bookmarks/{made}", admin).status_code == 404
