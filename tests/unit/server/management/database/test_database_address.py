"""The database's address: what it may be, and that its password is never told."""

import pytest

from common.foundation.catalog import explain
from server.management.database.address import WrongDatabaseUrl, read_database_url


def test_a_postgresql_address_with_several_hosts_and_options(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("p@ss:/word\nsecond line\n")
    found = read_database_url(f"postgresql://vms@db1,db2:5433/site?tls=encrypt&ca_file=/ca.pem&password_file={secret}")
    assert found.hosts == (("db1", 5432), ("db2", 5433))
    assert (found.user, found.name, found.tls, found.ca_file) == ("vms", "site", "encrypt", "/ca.pem")
    assert found.password == "p@ss:/word"
    assert str(found) == "postgresql://vms@db1:5432,db2:5433/site"
    assert "p@ss" not in repr(found)


def test_the_certificate_is_checked_unless_told_otherwise():
    assert read_database_url("postgresql://u@h/d").tls == "verify"


def test_a_socket_folder_an_ipv6_host_and_a_sqlite_file():
    assert read_database_url("postgresql://u@/d?host=/run/postgresql").hosts == (("/run/postgresql", 5432),)
    assert read_database_url("postgresql://u@[::1]:6000/d").hosts == (("::1", 6000),)
    assert str(read_database_url("sqlite:////srv/a b.sqlite3")) == "/srv/a b.sqlite3"


def test_the_password_of_the_settings_serves_when_the_address_has_none():
    assert read_database_url("mssql://u@h/d?tls=off", "x y").password == "x y"
    assert read_database_url("mssql://u:a%40b@h/d?tls=off", "x y").password == "a@b"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mysql://root:hunter2@h/d", "must begin with"),
        ("postgresql://u:hunter2@h", "names no database"),
        ("postgresql://u:hunter2@/d", "names no host"),
        ("postgresql://u:hunter2@h:x/d", "names no host"),
        ("postgresql://u:hunter2@h/d?sslmode=x", "no option sslmode"),
        ("postgresql://u:hunter2@h/d?tls=maybe", "tls must be"),
        ("postgresql://u:hunter2@h/d?password_file=/none&tls=off", ""),
        ("mssql://u:hunter2@h,i/d?tls=off", "one host"),
        ("sqlite:///relative.sqlite3", "whole path"),
        ("hunter2", "must begin with"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(text, words):
    if not words:
        assert read_database_url(text).password == "hunter2"  # its own password goes above the file
        return
    with pytest.raises(WrongDatabaseUrl, match=words) as caught:
        read_database_url(text)
    assert "hunter2" not in explain(caught.value)


def test_a_password_file_that_is_not_there_is_named():
    with pytest.raises(WrongDatabaseUrl, match="/none/at/all"):
        read_database_url("postgresql://u@h/d?password_file=/none/at/all")
