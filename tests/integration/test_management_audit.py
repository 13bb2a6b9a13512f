"""The audit log of a real server: what is noted, who may read it, and that nobody changes it unnoticed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from contextlib import closing

import pytest

from common.api.audit import PATH, AuditEntry
from common.clients.management import ManagementClient
from server.runtime.outbox import Outbox
from tests.support.management_rig import PASSWORD, HandClock, managing

pytestmark = pytest.mark.integration

ENTRIES = "/api/audit/v1/entries"


@pytest.fixture(scope="module")
def server(tmp_path_factory, database_settings):
    with managing(tmp_path_factory.mktemp("data"), **database_settings) as running:
        running.add_operator()
        yield running


def entries(server, **wanted):
    answer = server.send("GET", ENTRIES, server.token(), params=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()["array"]


def until_noted(server, **wanted):
    give_up_s = time.monotonic() + 20
    while not (found := entries(server, **wanted)):
        assert time.monotonic() < give_up_s
        time.sleep(0.02)
    return found


def test_a_change_is_noted_with_who_where_before_and_after_and_no_secret(server):
    reply, _ = server.enrol()
    with server.client() as client:
        hardware = client.add_hardware(reply.id, "rtsp://10.1.0.1/a", "root", "very-geheim", name="Gate")
        client.rename("hardware", hardware, "Door")
        client.update_hardware(hardware, password="another-geheim")
        client.delete_hardware(hardware)
    found = entries(server, item=hardware)
    assert [each["action"] for each in found] == ["deleted", "changed", "changed", "created"]
    created, renamed, secret = found[3], found[2], found[1]
    assert renamed["changes"] == [{"property": "name", "before": "Gate", "after": "Door"}]
    assert secret["changes"] == [{"property": "secrets", "before": "***", "after": "***"}]
    assert {each["property"] for each in created["changes"]} >= {"name", "address", "secrets"}
    assert "geheim" not in json.dumps(found)
    assert {each["user"] for each in found} == {"admin"}
    assert {each["address"] for each in found} == {"127.0.0.1"}
    assert renamed["item"] == f"hardware/{hardware}"
    assert renamed["item_name"] == "Door"
    assert renamed["client"].startswith("python-requests")


def test_what_is_undone_is_not_noted(server):
    admin = server.token()
    twice = server.rest("POST", "basicUsers", admin, json={"name": "OLGA", "password": "long enough"})
    assert twice.status_code == 400
    assert not [each for each in entries(server, action="created") if each["item_name"] == "OLGA"]


def test_sign_ins_and_refusals_are_noted(server):
    server.grant(grant_type="password", username="olga", password="wrong", client_id="VmsClient")
    refused = until_noted(server, category="sign_in", outcome="refused", user="OLGA")
    assert refused[0]["address"] == "127.0.0.1"
    assert "wrong" not in json.dumps([each for each in refused[0]["details"].values() if each == "wrong"])
    operator = server.token("olga")
    assert [each["user"] for each in entries(server, action="signed in", user="olga")] == ["olga"]
    assert server.rest("GET", "basicUsers", operator).status_code == 403
    assert until_noted(server, category="refusal", user="olga")[0]["outcome"] == "refused"


def test_members_of_roles_are_noted(server):
    user = server.add_operator("petra")
    found = [each for each in entries(server, action="role member added") if each["details"]["member"] == user]
    assert len(found) == 1
    assert found[0]["user"] == "admin"


def test_only_administrators_read_it(server):
    assert server.send("GET", ENTRIES).status_code == 401
    assert server.send("GET", ENTRIES, server.token("olga")).status_code == 403


def test_pages_join_without_a_gap_or_a_repetition(server):
    whole = [each["sequence"] for each in entries(server, limit=1000)]
    paged, before = [], None
    while True:
        more = {} if before is None else {"before": before}
        answer = server.send("GET", ENTRIES, server.token(), params={"limit": 3, "to": whole[0] * 10**15, **more})
        page = answer.json()
        paged += [each["sequence"] for each in page["array"]]
        before = page.get("next")
        if before is None:
            break
    assert [number for number in paged if number <= whole[0]] == whole
    assert len(set(paged)) == len(paged)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "before=x", "from=-1", "colour=red", "to=1e9"])
def test_a_wrong_filter_is_told(server, query):
    assert server.send("GET", f"{ENTRIES}?{query}", server.token()).status_code == 400


def entry(**more):
    told = {"id": str(uuid.uuid4()), "at_us": 5, "category": "live", "action": "live viewing started", "user": "vera"}
    return {**told, **more}


def test_a_recorder_delivers_and_what_comes_twice_is_kept_once(server):
    reply, token = server.enrol("north")
    batch = {"entries": [entry(item="cameras/c1"), entry(item="cameras/c2")]}
    first = server.send("POST", PATH, token, json=batch)
    assert first.json() == {"kept": 2, "known": 0}
    again = {"entries": [*batch["entries"], entry(item="cameras/c3")]}
    assert server.send("POST", PATH, token, json=again).json() == {"kept": 1, "known": 2}
    found = entries(server, user="vera", source=reply.id)
    assert sorted(each["item"] for each in found) == ["cameras/c1", "cameras/c2", "cameras/c3"]


@pytest.mark.parametrize(
    "body", [b"{", b'{"entries": 1}', b'{"entries": [{"id": "short"}]}', b'{"entries": [], "more": 1}']
)
def test_garbage_is_refused(server, body):
    _, token = server.enrol("south")
    assert server.send("POST", PATH, token, data=body).status_code == 400


def test_nobody_but_a_daemon_delivers(server):
    for user in ("admin", "olga"):
        assert server.send("POST", PATH, server.token(user), json={"entries": [entry()]}).status_code == 403
    assert server.send("POST", PATH, json={"entries": [entry()]}).status_code == 401


# whether it is whole


def tool(*arguments):
    command = [sys.executable, "-m", "server", "audit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def verified(data):
    done = tool("verify", "--data", data, "--json", "--config", data / "none.toml")
    report = json.loads(done.stdout)
    assert done.returncode == (1 if report["problems"] else 0)
    return report


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    data = tmp_path_factory.mktemp("kept")
    (data / "none.toml").write_text("")
    with managing(data) as server:
        for number in range(5):
            server.add_operator(f"user{number}")
    return data


@pytest.fixture
def log(kept, tmp_path):
    """A copy of a whole log, to be tampered with by somebody who has the database and not the key."""
    (tmp_path / "none.toml").write_text("")
    (tmp_path / "management").mkdir()
    (tmp_path / "management" / "secrets.key").write_bytes((kept / "management" / "secrets.key").read_bytes())
    file = tmp_path / "management" / "configuration.sqlite3"
    with closing(sqlite3.connect(kept / "management" / "configuration.sqlite3")) as source:
        connection = sqlite3.connect(file, isolation_level=None)
        source.backup(connection)
    yield connection
    connection.close()


def folder_of(log):
    return os.path.dirname(os.path.dirname(log.execute("PRAGMA database_list").fetchone()[2]))


def problems(log, tmp_path):
    return verified(tmp_path)["problems"]


def test_a_whole_log_is_whole(log, tmp_path):
    report = verified(tmp_path)
    assert report["problems"] == []
    assert report["sequence"] == log.execute("SELECT max(sequence) FROM audit_entries").fetchone()[0]


def test_a_changed_entry_is_named(log, tmp_path):
    log.execute("UPDATE audit_entries SET body = replace(body, 'user2', 'user9') WHERE sequence = 20")
    log.execute("UPDATE audit_entries SET body = body || ' ' WHERE sequence = 20")
    assert problems(log, tmp_path) == ["Entry 20 was changed."]


def test_a_column_that_is_searched_by_is_checked_too(log, tmp_path):
    log.execute("UPDATE audit_entries SET user_key = 'somebody' WHERE sequence = 7")
    assert problems(log, tmp_path) == ["Entry 7 was changed: its user_key is not what the entry says."]


def test_removed_entries_are_named(log, tmp_path):
    log.execute("DELETE FROM audit_entries WHERE sequence IN (5, 9, 10)")
    assert problems(log, tmp_path) == ["Entry 5 is missing.", "Entries 9 to 10 are missing."]


def test_the_newest_entries_removed_are_named(log, tmp_path):
    (last,) = log.execute("SELECT max(sequence) FROM audit_entries").fetchone()
    log.execute("DELETE FROM audit_entries WHERE sequence > ?", (last - 2,))
    assert problems(log, tmp_path) == [f"Entries {last - 1} to {last} are missing."]


def test_swapped_entries_are_named(log, tmp_path):
    for old, new in ((11, -1), (12, 11), (-1, 12)):
        log.execute("UPDATE audit_entries SET sequence = ? WHERE sequence = ?", (new, old))
    found = problems(log, tmp_path)
    assert "Entry 11 is in the wrong place: it was entry 12." in found
    assert "Entry 12 is in the wrong place: it was entry 11." in found


def test_a_chain_made_anew_without_the_key_is_noticed(log, tmp_path):
    (last,) = log.execute("SELECT max(sequence) FROM audit_entries").fetchone()
    log.execute("DELETE FROM audit_entries WHERE sequence > 3")
    (newest,) = log.execute("SELECT hash FROM audit_entries WHERE sequence = 3").fetchone()
    log.execute("UPDATE state SET value = ? WHERE name = 'audit_head'", (f"3:{newest}:{'0' * 64}",))
    assert problems(log, tmp_path) == ["The note of the newest entry was changed."]
    assert last > 3


def test_what_is_too_old_goes_and_the_rest_is_still_whole(tmp_path):
    (tmp_path / "none.toml").write_text("")
    clock = HandClock()
    with managing(tmp_path, clock) as server:
        server.add_operator("anna")
    clock.move(40 * 86_400)
    with managing(tmp_path, clock, audit_keep_days=30) as server:
        until_noted(server, action="old audit entries removed")
        assert not [each for each in entries(server, limit=1000) if each["item_name"] == "anna"]
        server.add_operator("berta")
    report = verified(tmp_path)
    assert report["problems"] == []
    with closing(sqlite3.connect(tmp_path / "management" / "configuration.sqlite3", isolation_level=None)) as log:
        (first,) = log.execute("SELECT min(sequence) FROM audit_entries").fetchone()
        assert first > 1
        log.execute("DELETE FROM audit_entries WHERE sequence = ?", (first,))
    assert verified(tmp_path)["problems"] == [f"Entry {first} is missing."]


def test_export_writes_all_of_a_user_and_no_formulas(kept, tmp_path):
    lines = tool("export", "-", "--data", kept, "--config", kept / "none.toml", "--user", "admin")
    assert lines.returncode == 0, lines.stderr
    found = [json.loads(line) for line in lines.stdout.splitlines()]
    assert found
    assert {each["user"] for each in found} == {"admin"}
    sheet = tmp_path / "log.csv"
    assert tool("export", sheet, "--data", kept, "--config", kept / "none.toml").returncode == 0
    assert sheet.read_text().startswith("sequence,at,category")
    assert tool("export", sheet, "--data", kept, "--config", kept / "none.toml").returncode == 2  # never over a file


def test_what_was_being_delivered_at_a_kill_is_delivered_again_and_kept_once(tmp_path):
    (tmp_path / "none.toml").write_text("")
    file = tmp_path / "management" / "outbox.sqlite3"
    with managing(tmp_path) as server:
        for _ in range(3):
            server.grant(grant_type="password", username="mallory", password="wrong", client_id="VmsClient")
        until_noted(server, user="mallory")
        first = entries(server, user="mallory")
    fields = set(AuditEntry.model_fields)
    with closing(Outbox(file)) as outbox:  # as if the server had been killed after it kept them and before it knew
        messages = [{name: value for name, value in each.items() if name in fields} for each in first]
        messages.append({**messages[0], "id": str(uuid.uuid4()), "action": "the last one before the kill"})
        outbox.put((each["id"], json.dumps(each)) for each in messages)
    with managing(tmp_path) as server:
        until_noted(server, action="the last one before the kill")
        ids = [each["id"] for each in entries(server, user="mallory")]
    assert len(ids) == len(set(ids)) == len(first) + 1
    assert verified(tmp_path)["problems"] == []


def test_after_a_kill_every_acknowledged_change_is_in_the_log_exactly_once(tmp_path):
    (tmp_path / "password").write_text(PASSWORD)
    settings = tmp_path / "none.toml"
    settings.write_text('[management]\nhttps_port = 0\nbind_address = "127.0.0.1"\nannounce = false\n')
    command = [sys.executable, "-m", "server.management", "--data", str(tmp_path), "--config", str(settings)]
    acknowledged = []
    for turn in range(3):
        daemon = subprocess.Popen(
            [*command, "--admin-password-file", str(tmp_path / "password")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            ready = json.loads(daemon.stdout.readline())["management"]
            with open(ready["ca"]) as file, ManagementClient(ready["https"], file.read()) as client:
                client.sign_in("admin", PASSWORD)
                for number in range(4):
                    name = f"user{turn}{number}"
                    client._call("POST", "/basicUsers", body={"name": name, "password": "long enough"})
                    acknowledged.append(name)
        finally:
            daemon.send_signal(signal.SIGKILL)
            daemon.communicate()
    with closing(sqlite3.connect(tmp_path / "management" / "configuration.sqlite3")) as connection:
        bodies = connection.execute("SELECT body FROM audit_entries WHERE action = 'created'").fetchall()
    names = [json.loads(body)["item_name"] for (body,) in bodies]
    assert [names.count(name) for name in acknowledged] == [1] * len(acknowledged)
    assert verified(tmp_path)["problems"] == []
