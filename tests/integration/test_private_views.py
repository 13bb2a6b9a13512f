"""Private view groups over the API: their owner does with them as they like, nobody else sees them."""

from collections.abc import Iterator
from typing import Any

import pytest

from common.model.permissions import VIEWS, Verb
from common.model.users import OPERATORS_ROLE_ID
from tests.support.management_rig import Management, managing


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Management]:
    with managing(tmp_path_factory.mktemp("private")) as running:
        yield running


@pytest.fixture(scope="module")
def users(server: Management) -> dict[str, str]:
    """Ids of two operators."""
    return {name: server.add_operator(name) for name in ("olga", "piet")}


def made(server: Management, token: str, path: str, **body: Any) -> str:
    answer = server.rest("POST", path, token, json={"name": "New", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["result"]["id"])


def listed(server: Management, token: str, kind: str) -> set[str]:
    return {each["id"] for each in server.rest("GET", kind, token).json()["array"]}


def test_a_private_group_is_its_owners_alone(server: Management, users: dict[str, str]) -> None:
    olga, piet, admin = server.token("olga"), server.token("piet"), server.token()
    group = made(server, olga, "viewGroups", owner=users["olga"])
    inner = made(server, olga, f"viewGroups/{group}/viewGroups")
    view = made(server, olga, f"viewGroups/{inner}/views", definition="{}")
    assert server.rest("PATCH", f"views/{view}", olga, json={"name": "Gates"}).status_code == 200
    assert server.rest("PATCH", f"viewGroups/{group}", olga, json={"name": "Mine"}).status_code == 200
    assert listed(server, olga, "views") == listed(server, admin, "views") == {view}
    assert listed(server, piet, "views") == listed(server, piet, "viewGroups") == set()
    for path in (f"views/{view}", f"viewGroups/{inner}", f"viewGroups/{group}"):
        assert server.rest("GET", path, piet).status_code == 403
        assert server.rest("PATCH", path, piet, json={"name": "x"}).status_code == 403
        assert server.rest("DELETE", path, piet).status_code == 403
    assert server.rest("POST", f"viewGroups/{inner}/views", piet, json={"name": "x"}).status_code == 403
    assert server.rest("DELETE", f"viewGroups/{group}", olga).status_code == 200
    assert listed(server, admin, "views") == set()


def test_groups_are_neither_given_away_nor_taken(server: Management, users: dict[str, str]) -> None:
    olga, admin = server.token("olga"), server.token()
    group = made(server, olga, "viewGroups", owner=users["olga"])
    shared = made(server, admin, "viewGroups")
    assert server.rest("POST", "viewGroups", olga, json={"name": "x", "owner": users["piet"]}).status_code == 403
    assert server.rest("POST", "viewGroups", olga, json={"name": "x"}).status_code == 403  # shared ones need a right
    for owner in ("", users["piet"]):
        assert server.rest("PATCH", f"viewGroups/{group}", olga, json={"owner": owner}).status_code == 403
    taken = server.rest("PATCH", f"viewGroups/{shared}", olga, json={"owner": users["olga"]})
    assert taken.status_code == 403
    inside = {"name": "x", "owner": users["olga"]}
    assert server.rest("POST", f"viewGroups/{shared}/viewGroups", olga, json=inside).status_code == 403


def test_a_right_to_shared_views_opens_no_private_ones(server: Management, users: dict[str, str]) -> None:
    olga, admin = server.token("olga"), server.token()
    group = made(server, olga, "viewGroups", owner=users["olga"])
    path = f"roles/{OPERATORS_ROLE_ID}/permissions"
    body = {"securityNamespace": VIEWS.id, "item": "", "allow": [Verb.READ, Verb.CREATE, Verb.WRITE], "deny": []}
    assert server.rest("PUT", path, admin, json=body).status_code == 200
    piet = server.token("piet")
    parent = {"relations": {"parent": {"type": "viewGroups", "id": group}}}
    assert server.rest("POST", "views", piet, json={"name": "x", **parent}).status_code == 403
    assert server.rest("POST", "viewGroups", piet, json={"name": "x", **parent}).status_code == 403
    shared = made(server, piet, "viewGroups")
    made(server, piet, f"viewGroups/{shared}/views")
    assert group not in listed(server, piet, "viewGroups")
