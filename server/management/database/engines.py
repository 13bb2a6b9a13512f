"""Opens connections to each kind of database, with the same promises: time-outs, a consistent view, durable commits."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from server.management.database import sql_server
from server.management.database.address import DatabaseAddress

_SSL_MODES = {"off": "disable", "encrypt": "require", "verify": "verify-full"}
_ENCRYPTIONS = {"off": "off", "encrypt": "require", "verify": "require"}


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """How many connections are kept, and how long is waited for what."""

    pool: int = 16
    connect_timeout_s: int = 5
    statement_timeout_s: int = 30
    patience_s: float = 5.0
    """For how long a transaction is tried again while the database is away."""


def open_engine(address: DatabaseAddress, limits: DatabaseLimits, program: str) -> Engine:
    """Return an engine; connects on first use. `program` is the name that the database's administrator sees."""
    match address.kind:
        case "sqlite":
            return _sqlite(address, limits)
        case "postgresql":
            return _postgresql(address, limits, program)
        case "mssql":
            return _sql_server(address, limits, program)


def for_reading(engine: Engine) -> Engine:
    """Return the engine for transactions that see one moment and change nothing.

    SQL Server needs ALLOW_SNAPSHOT_ISOLATION on the database for it.
    """
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    if engine.dialect.name == "mssql":
        return engine.execution_options(isolation_level="SNAPSHOT")
    return engine


def for_writing(engine: Engine) -> Engine:
    """Return the engine for transactions that change something."""
    return engine.execution_options(vedette_writes=True)


def _sqlite(address: DatabaseAddress, limits: DatabaseLimits) -> Engine:
    busy_ms = limits.statement_timeout_s * 1000
    engine = create_engine(
        f"sqlite:///{address.path}",
        connect_args={"timeout": limits.statement_timeout_s},
        pool_size=limits.pool,
        max_overflow=limits.pool,
    )

    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # sqlite3: we say BEGIN ourselves
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={busy_ms}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("vedette_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _postgresql(address: DatabaseAddress, limits: DatabaseLimits, program: str) -> Engine:
    server_side = {
        "statement_timeout": limits.statement_timeout_s * 1000,
        "idle_in_transaction_session_timeout": limits.statement_timeout_s * 1000,
        "timezone": "UTC",
    }
    arguments: dict[str, str | int] = {
        "host": ",".join(host for host, _ in address.hosts),
        "port": ",".join(str(port) for _, port in address.hosts),
        "dbname": address.name,
        "user": address.user,
        "password": address.password,
        "sslmode": _SSL_MODES[address.tls],
        "sslrootcert": address.ca_file or ("system" if address.tls == "verify" else ""),
        "connect_timeout": limits.connect_timeout_s,
        "application_name": program[:63],
        "target_session_attrs": "read-write",  # after a fail-over: the server that writes, whichever it is now
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "options": " ".join(f"-c {name}={value}" for name, value in server_side.items()),
    }
    if address.hosts[0][0].startswith("/"):
        arguments |= {"sslmode": "disable", "sslrootcert": ""}  # a socket of this machine
    return create_engine(
        "postgresql+psycopg://",
        connect_args={name: value for name, value in arguments.items() if value != ""},
        pool_size=limits.pool,
        max_overflow=0,
        pool_timeout=limits.statement_timeout_s,
        hide_parameters=True,
    )


def _sql_server(address: DatabaseAddress, limits: DatabaseLimits, program: str) -> Engine:
    host, port = address.hosts[0]
    if address.tls == "verify":
        sql_server.trust_only(address.ca_file or "system")
    return create_engine(
        sql_server.URL,
        connect_args={
            "server": host,
            "port": str(port),
            "user": address.user,
            "password": address.password,
            "database": address.name,
            "login_timeout": limits.connect_timeout_s,
            "timeout": limits.statement_timeout_s,
            "tds_version": "7.4",
            "encryption": _ENCRYPTIONS[address.tls],
            "appname": program[:100],
        },
        pool_size=limits.pool,
        max_overflow=0,
        pool_timeout=limits.statement_timeout_s,
        hide_parameters=True,
    )
