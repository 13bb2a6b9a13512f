"""`vedette-server db copy` and `db check` as their user has them: between SQLite and PostgreSQL, there and back."""

import json
import os
import sqlite3
import subprocess
import sys

import psycopg
import pytest

from tests.support.management_rig import managing
from tests.support.postgres_server import PASSWORD

pytestmark = pytest.mark.integration


def tool(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "server", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "VEDETTE_DB_PASSWORD": PASSWORD, **more},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The data folder of a site with some of everything, stopped."""
    data = tmp_path_factory.mktemp("site")
    with managing(data) as server, server.client() as client:
        server.add_operator("Jürgen 監")
        reply, _ = server.enrol()
        for number in range(30):
            client.add_hardware(reply.id, f"rtsp://10.0.0.{number}/a", "root", "geheim")
        client.sign_out()
    return data


def file_of(data):
    return data / "management" / "configuration.sqlite3"


def test_there_and_back_it_is_the_same_and_serves(site, postgres, tmp_path):
    target = postgres.url(postgres.new_database())
    there = tool("db", "copy", file_of(site), target, "--json")
    assert there.returncode == 0, there.stderr
    report = json.loads(there.stdout)
    assert report["tables"]["items"]["rows"] > 60
    checked = tool("db", "check", target, "--data", site)
    assert checked.returncode == 0, checked.stderr
    back = tmp_path / "back.sqlite3"
    again = json.loads(tool("db", "copy", target, back, "--json").stdout)
    assert again["tables"] == report["tables"]
    moved = managing(site, password=None, database_url=target, database_password=PASSWORD)
    with moved as server, server.client("Jürgen 監") as client:
        assert len(client.cameras()) == 30


def test_a_target_that_is_not_empty_is_refused_and_stays_as_it_was(site, tmp_path):
    target = tmp_path / "other"
    with managing(target):
        pass
    before = file_of(target).read_bytes()
    done = tool("db", "copy", file_of(site), file_of(target))
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert "Traceback" not in done.stderr
    with sqlite3.connect(file_of(target)) as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (1,)
    connection.close()
    assert before[:16] == file_of(target).read_bytes()[:16]


def test_a_running_server_is_not_copied_from_under(tmp_path):
    with managing(tmp_path):
        done = tool("db", "copy", file_of(tmp_path), tmp_path / "new.sqlite3")
    assert done.returncode == 2
    assert "stop it first" in done.stderr.replace("\n", " ")


def test_a_failure_half_way_undoes_everything(site, postgres):
    name = postgres.new_database()
    url = postgres.url(name)
    with managing(site.parent / "prepared", database_url=url, database_password=PASSWORD):
        pass
    with psycopg.connect(postgres.conninfo(name), autocommit=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        tables.remove("alembic_version")
        connection.execute(f"TRUNCATE {', '.join(tables)}")
        connection.execute("CREATE FUNCTION fail() RETURNS trigger AS 'BEGIN RAISE ''no room''; END' LANGUAGE plpgsql")
        connection.execute("CREATE TRIGGER full_disk BEFORE INSERT ON accounts EXECUTE FUNCTION fail()")
        done = tool("db", "copy", file_of(site), url)
        assert done.returncode == 2
        assert "no room" in done.stderr
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (0,)
        connection.execute("DROP TRIGGER full_disk ON accounts")
    again = tool("db", "copy", file_of(site), url)
    assert again.returncode == 0, again.stderr


def test_check_names_what_is_wrong(site, tmp_path):
    damaged = tmp_path / "damaged.sqlite3"
    with sqlite3.connect(file_of(site)) as source, sqlite3.connect(damaged) as copy:
        source.backup(copy)
        copy.execute("UPDATE items SET properties = '{' WHERE kind = 'cameras' AND id = "
                     "(SELECT min(id) FROM items WHERE kind = 'cameras')")  # fmt: skip
        copy.execute("DELETE FROM items WHERE kind = 'recordingServers'")
        copy.execute("UPDATE signing_keys SET private_key = x'00'")
    source.close()
    copy.close()
    done = tool("db", "check", damaged, "--data", site, "--json")
    assert done.returncode == 1
    problems = " ".join(json.loads(done.stdout)["problems"])
    assert "properties of cameras/" in problems
    assert "refer to items that are not there" in problems
    assert "signing key" in problems


def test_what_is_not_there_is_not_made(tmp_path):
    done = tool("db", "check", tmp_path / "none.sqlite3")
    assert done.returncode == 2
    assert "no such file" in done.stderr
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_wrong_password_is_said_without_it(postgres):
    done = tool("db", "check", postgres.url(postgres.new_database()), VEDETTE_DB_PASSWORD="wrong-one")
    assert done.returncode in (1, 2)
    assert "password authentication failed" in done.stderr + done.stdout
    assert "wrong-one" not in done.stderr + done.stdout


def test_keys_go_to_another_server_and_only_with_the_passphrase(site, tmp_path):
    phrase, wrong = tmp_path / "phrase", tmp_path / "wrong"
    phrase.write_text("a long passphrase\n")
    wrong.write_text("another passphrase\n")
    bundle, other = tmp_path / "keys.json", tmp_path / "other"
    assert tool("keys", "save", bundle, "--data", site, "--passphrase-file", phrase).returncode == 0
    assert b"PRIVATE" not in bundle.read_bytes()
    refused = tool("keys", "restore", bundle, "--data", other, "--passphrase-file", wrong)
    assert refused.returncode == 2
    assert "passphrase is wrong" in refused.stderr
    assert tool("keys", "restore", bundle, "--data", other, "--passphrase-file", phrase).returncode == 0
    for name in ("ca.pem", "ca.key", "secrets.key"):
        assert (other / "management" / name).read_bytes() == (site / "management" / name).read_bytes()
    assert (other / "management" / "ca.key").stat().st_mode & 0o077 == 0
