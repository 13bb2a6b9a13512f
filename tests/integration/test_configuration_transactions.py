"""Many changes at once on a real server: all of them or none."""

import pytest

from tests.support.management_rig import PASSWORD, Management, managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory, database_settings):
    with managing(tmp_path_factory.mktemp("data"), **database_settings) as running:
        running.add_operator()
        yield running


def sent(server: Management, *operations: dict, user: str = "admin", **more):
    return server.rest("POST", "transactions", server.token(user), json={"operations": operations, **more})


def names(server: Management) -> set[str]:
    found = server.rest("GET", "userDefinedEvents", server.token()).json()["array"]
    return {each["name"] for each in found}


def create(name: str) -> dict:
    return {"method": "POST", "resource": "userDefinedEvents", "body": {"name": name}}


def test_what_one_operation_makes_others_use(server):
    answer = sent(
        server,
        {"method": "POST", "resource": "cameraGroups", "body": {"name": "Yard"}},
        {"method": "POST", "resource": "cameraGroups", "parent": "$0", "body": {"name": "North"}},
        {"method": "PATCH", "resource": "cameraGroups/$1", "body": {"description": "by the gate"}},
        {"method": "POST", "resource": "basicUsers", "body": {"name": "ben", "password": "correct horse 9"}},
    )
    assert answer.status_code == 200, answer.text
    done = answer.json()["result"]["operations"]
    north = server.rest("GET", f"cameraGroups/{done[1]['path']['id']}", server.token()).json()["data"]
    assert (north["description"], north["relations"]["parent"]["id"]) == ("by the gate", done[0]["path"]["id"])
    assert server.token("ben")
    changes = server.rest("GET", "configurationChanges?size=4", server.token()).json()["array"]
    assert len({each["changeSet"] for each in changes}) == 1


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"method": "POST", "resource": "userDefinedEvents", "body": {"name": ""}}, 400),
        ({"method": "DELETE", "resource": "userDefinedEvents/00000000-0000-0000-0000-000000000000"}, 404),
        ({"method": "PATCH", "resource": "userDefinedEvents/$0", "ifMatch": "7", "body": {"name": "Late"}}, 412),
        ({"method": "PATCH", "resource": "userDefinedEvents/$1", "body": {"name": "Itself"}}, 400),
        ({"method": "DELETE", "resource": "sites/$0"}, 405),
        ({"method": "POST", "resource": "flyingCarpets", "body": {}}, 404),
        ({"method": "POST", "resource": "basicUsers", "body": {"name": "x", "password": "short"}}, 400),
    ],
)
def test_one_that_cannot_be_done_undoes_all(server, wrong, status):
    answer = sent(server, create("Half done"), wrong)
    assert (answer.status_code, answer.json()["operation"]) == (status, 1), answer.text
    assert answer.json()["error"]["details"]
    assert "Half done" not in names(server)


def test_a_dry_run_keeps_nothing(server):
    before = names(server)
    answer = sent(server, create("Tried"), dryRun=True)
    assert answer.json()["result"]["operations"][0]["data"]["name"] == "Tried"
    assert names(server) == before
    assert sent(server, create("Tried"), {"method": "PATCH", "resource": "x"}, dryRun=True).status_code == 404


def test_what_is_undone_unlocks_nobody(server):
    form = {"grant_type": "password", "username": "olga", "client_id": "VmsClient"}
    user = next(
        u["id"] for u in server.rest("GET", "basicUsers", server.token()).json()["array"] if u["name"] == "olga"
    )
    for _ in range(5):
        server.grant(password="wrong", **form)
    unlock = {"method": "PATCH", "resource": f"basicUsers/{user}", "body": {"status": "Enabled"}}
    sent(server, unlock, dryRun=True)
    sent(server, unlock, {"method": "DELETE", "resource": "userDefinedEvents/00000000-0000-0000-0000-000000000000"})
    assert server.grant(password=PASSWORD, **form).json()["error_code"] == "LockedOut"
    assert sent(server, unlock).status_code == 200
    assert server.grant(password=PASSWORD, **form).status_code == 200


def test_nobody_does_more_than_one_by_one(server):
    refused = sent(server, create("By an operator"), user="olga")
    assert (refused.status_code, refused.json()["operation"]) == (403, 0)
    assert "By an operator" not in names(server)
    assert server.rest("POST", "transactions", json={"operations": [create("x")]}).status_code == 401


def test_nonsense_and_too_much(server):
    token = server.token()
    for body in ({}, {"operations": []}, {"operations": [{"method": "GET", "resource": "x"}]}, {"operations": 7}):
        assert server.rest("POST", "transactions", token, json=body).status_code == 400
    assert sent(server, *[create("x")] * 1001).status_code == 400
    assert server.rest("GET", "transactions", token).status_code == 405
    before = len(names(server))
    assert sent(server, *[create(f"Many {number}") for number in range(300)]).status_code == 200
    assert len(names(server)) == before + 300
