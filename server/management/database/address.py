"""Where the configuration database is: `database_url` taken apart, with its secret kept out of what is shown.

sqlite:////var/lib/vedette/configuration.sqlite3
postgresql://vedette@db1:5432,db2:5432/vedette?tls=verify&ca_file=/etc/vedette/db-ca.pem&password_file=/etc/vedette/db
mssql://vedette@sql.example:1433/vedette?ca_file=/etc/vedette/db-ca.pem
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from common.foundation.errors import SettingsError

Kind = Literal["sqlite", "postgresql", "mssql"]
Tls = Literal["off", "encrypt", "verify"]
DEFAULT_PORTS: Mapping[str, int] = {"postgresql": 5432, "mssql": 1433}
_OPTIONS = frozenset({"tls", "ca_file", "password_file", "host"})
_TLS = ("off", "encrypt", "verify")


class WrongDatabaseUrl(SettingsError):
    """The database's address cannot be used as it stands."""

    message_key = "error.database_url"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """One database. `hosts` in the order they are tried; a host that begins with `/` is a folder with a Unix socket."""

    kind: Kind
    path: Path = Path()
    hosts: tuple[tuple[str, int], ...] = ()
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = ""
    tls: Tls = "verify"
    ca_file: str = ""

    def __str__(self) -> str:
        """Return it as told to people: without the password."""
        if self.kind == "sqlite":
            return str(self.path)
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{self.kind}://{self.user}@{hosts}/{self.name}"


def sqlite_file(path: Path) -> DatabaseAddress:
    return DatabaseAddress("sqlite", path=path)


def read_database_url(text: str, password: str = "") -> DatabaseAddress:
    """Take an address apart; `password` serves when it names none. Raises WrongDatabaseUrl, which tells no password."""
    scheme, colon, rest = text.strip().partition("://")
    kind = scheme.lower().partition("+")[0]
    if kind == "postgres":
        kind = "postgresql"
    if not colon or kind not in ("sqlite", "postgresql", "mssql"):
        raise WrongDatabaseUrl("it must begin with sqlite:///, postgresql:// or mssql://")
    if kind == "sqlite":
        path = Path(unquote(rest.removeprefix("/")))
        if not path.is_absolute():
            raise WrongDatabaseUrl("a SQLite file is given with its whole path: sqlite:////folder/file.sqlite3")
        return sqlite_file(path)
    try:
        parts = urlsplit(f"//{rest}")
    except ValueError:
        raise WrongDatabaseUrl("its host cannot be read; write it like postgresql://user@host:5432/database") from None
    login, _, places = parts.netloc.rpartition("@")
    user, _, given = login.partition(":")
    options = dict(parse_qsl(parts.query))
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise WrongDatabaseUrl(f"it has no option {unknown[0]}; there are ca_file, host, password_file and tls")
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise WrongDatabaseUrl("it names no database; write it like postgresql://user@host/database")
    tls = options.get("tls", "verify")
    if tls not in _TLS:
        raise WrongDatabaseUrl("tls must be off, encrypt or verify")
    hosts = _hosts(options.get("host") or places, DEFAULT_PORTS[kind])
    if kind == "mssql" and len(hosts) > 1:
        raise WrongDatabaseUrl("SQL Server is given as one host; for several, that of the availability listener")
    secret = unquote(given) or _from_file(options.get("password_file", "")) or password
    return DatabaseAddress(
        cast(Kind, kind),
        hosts=hosts,
        user=unquote(user),
        password=secret,
        name=name,
        tls=cast(Tls, tls),
        ca_file=options.get("ca_file", ""),
    )


def _hosts(text: str, default_port: int) -> tuple[tuple[str, int], ...]:
    found: list[tuple[str, int]] = []
    for place in text.split(","):
        if place.startswith("/"):
            found.append((place, default_port))
            continue
        try:
            parts = urlsplit(f"//{place}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host:
            raise WrongDatabaseUrl("it names no host; write it like postgresql://user@host:5432/database")
        found.append((host, port or default_port))
    return tuple(found)


def _from_file(file: str) -> str:
    if not file:
        return ""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as failed:
        raise WrongDatabaseUrl(f"the password file {file} cannot be read ({failed})") from failed
    return lines[0].strip() if lines else ""
