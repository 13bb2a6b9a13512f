"""`vedette-server config backup` and `restore` as their user has them."""

import json
import os
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from server.management.database.address import sqlite_file
from server.management.database.backup import BackupUnusable, restore_backup, write_backup
from server.management.database.store import MIGRATIONS, Database
from tests.support.management_rig import managing
from tests.support.postgres_server import PASSWORD as DATABASE_PASSWORD

pytestmark = pytest.mark.integration

PASSPHRASE = "correct horse battery"


def tool(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "server", "config", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **more},
    )


@pytest.fixture(scope="module")
def passphrase(tmp_path_factory):
    file = tmp_path_factory.mktemp("secret") / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    return file


@pytest.fixture(scope="module")
def site(tmp_path_factory, passphrase):
    """A site's data folder, and a backup that was made while it ran; then it was changed."""
    data = tmp_path_factory.mktemp("site")
    file = data / "site.backup"
    with managing(data) as server, server.client() as client:
        server.add_operator("Jürgen 監")
        reply, _ = server.enrol()
        for number in range(20):
            client.add_hardware(reply.id, f"rtsp://10.0.0.{number}/a", "root", "very-geheim", name=f"Camera {number}")
        made = tool("backup", file, "--passphrase-file", passphrase, "--data", data, "--json")
        assert made.returncode == 0, made.stderr
        hardware = client.hardware()
        client.rename("hardware", hardware[0].id, "Renamed since")
        client.delete_hardware(hardware[1].id)
        client.add_hardware(reply.id, "rtsp://10.0.1.1/a", "", "", name="New since")
    return data, file, json.loads(made.stdout)


def names(server):
    with server.client() as client:
        return {item.name for item in client.hardware()}


def test_it_holds_everything_and_nothing_in_clear(site):
    _, file, report = site
    assert report["rows"]["items"] > 60
    content = file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    for clear in (b"Camera 1", b"geheim", b"PRIVATE KEY"):
        assert clear not in content


def test_a_dry_run_says_what_would_change_and_changes_nothing(site, passphrase):
    data, file, _ = site
    told = tool("restore", file, "--passphrase-file", passphrase, "--data", data, "--dry-run", "--json")
    assert told.returncode == 0, told.stderr
    plan = json.loads(told.stdout)
    assert (plan["created"]["hardware"], plan["changed"]["hardware"], plan["deleted"]["hardware"]) == (1, 1, 1)
    with managing(data, password=None) as server:
        assert "Renamed since" in names(server)


def test_into_an_empty_folder_it_is_the_site_again_with_its_passwords(site, passphrase, tmp_path):
    _, file, report = site
    restored = tool("restore", file, "--passphrase-file", passphrase, "--data", tmp_path, "--json")
    assert restored.returncode == 0, restored.stderr
    with managing(tmp_path, password=None) as server:
        assert names(server) == {f"Camera {number}" for number in range(20)}
        assert server.token("Jürgen 監")
    assert report["rows"]["accounts"] == 2


def test_what_is_there_goes_only_when_that_is_said_and_no_server_runs(site, passphrase):
    data, file, _ = site
    arguments = ("restore", file, "--passphrase-file", passphrase, "--data", data)
    with managing(data, password=None) as server:
        assert tool(*arguments, "--replace").returncode == 2
        assert "Renamed since" in names(server)
    refused = tool(*arguments)
    assert (refused.returncode, "not empty" in refused.stderr) == (2, True)
    assert tool(*arguments, "--replace").returncode == 0
    with managing(data, password=None) as server:
        assert names(server) == {f"Camera {number}" for number in range(20)}


def test_another_sites_folder_is_left_alone(site, passphrase, tmp_path):
    _, file, _ = site
    with managing(tmp_path) as server:
        before = names(server)
    refused = tool("restore", file, "--passphrase-file", passphrase, "--data", tmp_path, "--replace")
    assert (refused.returncode, "another site" in refused.stderr) == (2, True)
    with managing(tmp_path, password=None) as server:
        assert names(server) == before


@pytest.mark.parametrize("damage", ["cut", "flipped", "swapped", "other", "empty", "passphrase"])
def test_a_backup_that_is_not_whole_changes_nothing(site, tmp_path, damage):
    _, file, _ = site
    content = bytearray(file.read_bytes())
    passphrase = PASSPHRASE
    match damage:
        case "cut":
            del content[-40:]
        case "flipped":
            content[len(content) // 2] ^= 1
        case "swapped":
            start = content.index(b"\n") + 1
            content = content[:start] + content[start + 200 :] + content[start : start + 200]
        case "other":
            content = bytearray(b'{"what": "something else"}\n')
        case "empty":
            content = bytearray()
        case "passphrase":
            passphrase = "not the right one"
    wrong = tmp_path / "wrong.backup"
    wrong.write_bytes(content)
    target = Database(sqlite_file(tmp_path / "configuration.sqlite3"))
    with pytest.raises(BackupUnusable):
        restore_backup(wrong, passphrase, target, tmp_path / "keys", lambda *_: None, dry_run=False, replace=False)
    target.close()
    assert not (tmp_path / "keys").exists()


def test_into_postgresql(site, passphrase, postgres, tmp_path):
    data, file, report = site
    target = postgres.url(postgres.new_database())
    settings = {"VEDETTE_MANAGEMENT__DATABASE_URL": target, "VEDETTE_MANAGEMENT__DATABASE_PASSWORD": DATABASE_PASSWORD}
    told = tool("restore", file, "--passphrase-file", passphrase, "--data", tmp_path, "--json", **settings)
    assert told.returncode == 0, told.stderr
    again = tmp_path / "again.backup"
    made = tool("backup", again, "--passphrase-file", passphrase, "--data", tmp_path, "--json", **settings)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["rows"] == report["rows"]
    assert data.exists()


def test_a_backup_of_an_older_version_is_brought_up_to_date(site, tmp_path):
    data, _, _ = site
    old, revisions = tmp_path / "old", [each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    folder = old / "management"
    folder.mkdir(parents=True)
    for name in ("ca.pem", "ca.key", "secrets.key"):
        (folder / name).write_bytes((data / "management" / name).read_bytes())
    database = Database(sqlite_file(folder / "configuration.sqlite3"))
    database.migrate()
    with database.engine.begin() as writing:  # as if the last migration had not been there
        writing.execute(text("DROP TABLE item_changes"))
        writing.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    assert "0005" in revisions
    file, quiet = tmp_path / "old.backup", lambda *_: None
    from server.management.database import backup as module

    tables = [table for table in module.site_tables_in_order() if table.name != "item_changes"]
    whole, module.site_tables_in_order = module.site_tables_in_order, lambda: tables
    try:
        write_backup(database, folder, file, PASSPHRASE, quiet)
    finally:
        module.site_tables_in_order = whole
        database.close()
    fresh = Database(sqlite_file(tmp_path / "fresh" / "configuration.sqlite3"))
    plan = restore_backup(file, PASSPHRASE, fresh, tmp_path / "fresh", quiet, dry_run=False, replace=False)
    fresh.close()
    assert plan.rows["item_changes"] == (0, 0)
