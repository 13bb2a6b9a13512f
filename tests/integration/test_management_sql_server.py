"""Microsoft SQL Server, of which none runs here: statements and migrations compiled for it, and its driver on the wire.

The peer on the wire is a stub of ours that knows no SQL.
"""

import io
import re
import ssl
import subprocess
import sys

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, text
from sqlalchemy.schema import ExecutableDDLElement

from common.net.certificates import create_authority, issue_certificate
from common.net.tls import server_context
from server.management.database.address import read_database_url
from server.management.database.engines import DatabaseLimits
from server.management.database.outage import DatabaseAway
from server.management.database.sql_server import SqlServer
from server.management.database.store import MIGRATIONS, Database, DatabaseUnusable
from tests.support.management_rig import managing
from tests.support.tds_server import PASSWORD, Cut, Refused, Rows, Silence, tds_server

pytestmark = pytest.mark.integration

SHORT = DatabaseLimits(pool=4, connect_timeout_s=2, statement_timeout_s=1, patience_s=0.3)


def for_2022():
    dialect = SqlServer()
    dialect.server_version_info = (16, 0, 1000, 6)
    dialect._setup_version_attributes()
    return dialect


@pytest.fixture(scope="module")
def script():
    """All migrations as SQL Server would get them."""
    config = Config(output_buffer=io.StringIO())
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["offline"] = {"url": "mssql+vedette://", "literal_binds": True}
    command.upgrade(config, "head", sql=True)
    return config.output_buffer.getvalue()


def test_tables_are_unicode_and_large_and_exact(script):
    assert "CREATE TABLE items" in script
    assert re.search(r"properties NVARCHAR\(max\) COLLATE Latin1_General_100_BIN2 NOT NULL", script)
    assert re.search(r"secrets VARBINARY\(max\)", script)
    assert re.search(r"created_us BIGINT NOT NULL", script)
    for word in (" VARCHAR", " TEXT", "NTEXT", "IMAGE", "IDENTITY", "TIMESTAMP"):
        assert word not in script, word


def test_no_cascades_since_sql_server_refuses_those_of_a_tree(script):
    assert "FOREIGN KEY(parent_id) REFERENCES items" in script
    assert "ON DELETE" not in script.upper()


def test_every_statement_of_a_working_server_compiles(tmp_path):
    seen = {}

    def note(_connection, statement, many, single, _options):
        keys = sorted((many[0] if many else single) or {})
        seen.setdefault(str(statement), (statement, keys))

    event.listen(Engine, "before_execute", note)
    try:
        with managing(tmp_path) as server, server.client() as client:
            server.add_operator()
            reply, recorder = server.enrol()
            hardware = client.add_hardware(reply.id, "rtsp://10.0.0.1/a", "u", "p")
            client.rename("hardware", hardware, "Other")
            client.delete_hardware(hardware)
            token = server.token("olga")
            server.rest("GET", "cameras", token)
            server.send("GET", f"/api/internal/v1/recorders/{reply.id}/configuration", recorder)
            server.send("POST", "/idp/connect/revocation", data={"token": token})
            client.sign_out()
    finally:
        event.remove(Engine, "before_execute", note)
    dialect = for_2022()
    compiled = [
        str(statement.compile(dialect=dialect, column_keys=keys or None))
        for statement, keys in seen.values()
        if not isinstance(statement, (str, ExecutableDDLElement))
    ]
    assert len(compiled) > 30
    for words in compiled:
        assert not re.search(r"FOR UPDATE|\bLIMIT\b|\bILIKE\b|RETURNING|ON CONFLICT|\bTRUE\b|\bFALSE\b", words), words
    assert any("TOP" in words for words in compiled)  # the newest revoked tokens


def address(server, password=PASSWORD):
    return read_database_url(f"mssql://vedette@127.0.0.1:{server.port}/site?tls=off", password)


def test_the_driver_signs_in_and_reads_letters_of_any_script():
    with tds_server() as server:
        server.answers.append(("FROM items", Rows(("id", "size"), (("Überwachung 監視", 2**40), ("b", 7)))))
        database = Database(address(server), SHORT, "vedette test 1")
        with database.read() as session:
            rows = session.execute(text("SELECT id, size FROM items")).all()
        database.close()
    assert rows == [("Überwachung 監視", 2**40), ("b", 7)]
    assert server.logins[0] == {
        "user": "vedette", "password": PASSWORD, "program": "vedette test 1", "database": "site"
    }  # fmt: skip
    assert any("SET TRANSACTION ISOLATION LEVEL SNAPSHOT" in each for each in server.statements)


def test_letters_reach_it_as_unicode():
    with tds_server() as server:
        database = Database(address(server), SHORT)
        with database.write() as session:
            session.execute(text("INSERT INTO state (name) VALUES (:name)"), {"name": "Größe '監"})
        database.close()
    assert any("N'Größe ''監'" in each for each in server.statements), server.statements


def test_a_wrong_password_is_told_without_it():
    with tds_server() as server:
        database = Database(address(server, "wrong one"), SHORT)
        with pytest.raises(DatabaseUnusable, match="the user or its password is wrong") as caught:
            database.migrate()
    assert "wrong one" not in str(caught.value)


def test_nobody_there_is_told_as_away():
    with tds_server() as server:
        pass
    with pytest.raises(DatabaseAway, match="unavailable"):
        Database(address(server), SHORT).migrate()


def test_an_unencrypted_server_is_refused_where_encryption_is_asked_for():
    with tds_server() as server:
        url = f"mssql://vedette@127.0.0.1:{server.port}/site?tls=encrypt"
        database = Database(read_database_url(url, PASSWORD), SHORT)
        with pytest.raises((DatabaseUnusable, DatabaseAway)):
            database.migrate()
    assert server.logins == []  # the password was not sent


@pytest.fixture
def certified(tmp_path):
    """A server with a certificate for 127.0.0.1, of an authority in `ca.pem`; another authority is in `other.pem`."""
    authority = create_authority("SQL Server")
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    (tmp_path / "other.pem").write_bytes(create_authority("Somebody else").certificate_pem)
    issue_certificate(authority, ["127.0.0.1"]).write(tmp_path / "server.crt", tmp_path / "server.key")
    context = server_context(tmp_path / "server.crt", tmp_path / "server.key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # inside TDS 7.4 there is no other
    with tds_server() as server:
        server.tls = context
        yield server


@pytest.mark.parametrize(
    ("options", "good"),
    [("tls=encrypt", True), ("ca_file={folder}/ca.pem", True), ("ca_file={folder}/other.pem", False), ("", False)],
    ids=["encrypted", "right authority", "wrong authority", "unknown authority"],
)
def test_the_certificate_is_checked_before_the_password_is_sent(certified, tmp_path, options, good):
    # In a process of its own: FreeTDS is told its authority for a whole process.
    code = (
        "import sys\n"
        "from sqlalchemy import text\n"
        "from server.management.database.address import read_database_url\n"
        "from server.management.database.engines import DatabaseLimits\n"
        "from server.management.database.store import Database\n"
        "database = Database(read_database_url(sys.argv[1], sys.argv[2]), DatabaseLimits(4, 2, 2, 0.1))\n"
        "with database.read() as session: print(session.execute(text('SELECT name FROM sites')).scalar())\n"
    )
    certified.answers.append(("FROM sites", Rows(("name",), (("North",),))))
    url = f"mssql://vedette@127.0.0.1:{certified.port}/site?{options.format(folder=tmp_path)}"
    done = subprocess.run(
        [sys.executable, "-c", code, url, PASSWORD], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip() == "North") is good, done.stderr
    assert bool(certified.logins) is good


@pytest.mark.parametrize(
    "answer",
    [
        Cut(),
        Silence(),
        Refused(1205, "Transaction was deadlocked", 13),
        Refused(40613, "Database is not available", 17),
    ],
    ids=["cut", "silent", "deadlock", "failing over"],
)
def test_what_passes_is_tried_again_and_then_told_as_away(answer):
    with tds_server() as server:
        database = Database(address(server), SHORT)

        def work():
            with database.write() as session:
                session.execute(text("UPDATE items SET version = 2"))

        server.answers.append(("UPDATE items", answer))
        with pytest.raises(DatabaseAway):
            database.outage.again(work)
        server.answers.clear()
        database.outage.again(work)
        database.close()
    tries = [each for each in server.statements if each.startswith("UPDATE items")]
    assert len(tries) >= 2


def test_a_mistake_is_not_tried_again():
    with tds_server() as server:
        database = Database(address(server), SHORT)
        server.answers.append(("UPDATE items", Refused(208, "Invalid object name 'items'.")))

        def work():
            with database.write() as session:
                session.execute(text("UPDATE items SET version = 2"))

        with pytest.raises(Exception, match="Invalid object name"):
            database.outage.again(work)
        database.close()
    assert sum(each.startswith("UPDATE items") for each in server.statements) == 1
