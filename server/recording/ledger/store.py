"""The ledger's file: `ledger.sqlite3` in the recorder's data folder, away from the storages that it must outlive.

SQLite in WAL mode with `synchronous=FULL`: what was committed survives a power cut, several engines write and the
gateway reads at once. Some space inside the file is kept free, so that it can be written while the disk is full.
Times are UTC microseconds. A row whose `to_us` is `OPEN` lasts as long as its life does.

    lives    one row from each start of an engine, or step of its clock, to its end: `alive_us` is its last heartbeat
    entries  what held from `from_us` to `to_us`: a device was assigned to a life, or something kept it from recording
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from common.foundation.clock import US_PER_S
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from server.recording.ledger.reasons import ASSIGNED
from server.recording.sqlite_threads import SQLITE_ERRORS, ThreadConnections, tells_damage, transaction

LEDGER = "ledger.sqlite3"
VERSION = 1
OPEN = (1 << 62) - 1
EVERY_TRACK = TrackName("")
ALIVE_GRACE_US = 15 * US_PER_S  # a life that said so this recently still lives
_STALE_US = 60 * US_PER_S
_RESERVE_BYTES = 2 << 20
_CHECKPOINT_PAGES = 200  # of 4 KiB: the log begins anew long before it outgrows the reserve
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lives (
    id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    from_us INTEGER NOT NULL,
    alive_us INTEGER NOT NULL,
    ended INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY,
    life INTEGER NOT NULL,
    device TEXT NOT NULL,
    track TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_by_device ON entries (device, to_us, from_us, track, reason, life, detail);
CREATE INDEX IF NOT EXISTS entries_of_life ON entries (life, to_us);
CREATE TABLE IF NOT EXISTS reserve (filling BLOB NOT NULL);
"""


class Ended(IntEnum):
    """How a life came to its end."""

    NOT_SAID = 0  # it lives, or it was killed
    ORDERLY = 1
    CLOCK = 2  # the clock was set; the next life is the same process


@dataclass(slots=True)
class Life:
    """A row of `lives`; `id` is 0 until it was written."""

    pid: int
    from_us: int
    alive_us: int
    ended: Ended = Ended.NOT_SAID
    id: int = 0


@dataclass(slots=True)
class Entry:
    """A row of `entries`; `id` is 0 until it was written."""

    life: Life
    device: DeviceId
    track: TrackName
    reason: str
    detail: str
    from_us: int
    to_us: int = OPEN
    id: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """An entry as the ledger tells it: it ends with its life at the latest. `ended`: how that ended, if it did so."""

    track: str
    reason: str
    detail: str
    from_us: int
    to_us: int
    ended: Ended | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Before `begun_us` nothing was noted; what was noted before `horizon_us` is forgotten."""

    begun_us: int
    horizon_us: int


class LedgerFile:
    """Rows in and out. Every method raises StorageError when SQLite cannot do it. A connection for each thread."""

    def __init__(self, data: Path, *, writable: bool) -> None:
        self.path = data / LEDGER
        self._writable = writable
        self._connections = ThreadConnections(self._connect)

    @property
    def exists(self) -> bool:
        """Whether a ledger was ever begun here."""
        return self.path.exists()

    def close(self) -> None:
        self._connections.close()

    def begin(self, now_us: int) -> None:
        """Make the file on first use, and some free space inside. A damaged one is moved aside and begun again."""
        try:
            with self._sqlite() as connection:
                sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        except StorageError as error:
            sound = not tells_damage(error)
            if sound:
                raise
        if not sound:
            self._move_aside()
        with self._sqlite() as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] > VERSION:
                raise StorageError("the ledger was made by a newer version", path=str(self.path))
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)
            connection.execute("INSERT OR IGNORE INTO facts VALUES ('begun_us', ?)", (now_us,))
            connection.execute(f"PRAGMA user_version={VERSION}")
            self._keep_reserve(connection)

    def _move_aside(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(LEDGER + suffix)
            if part.exists():
                part.replace(part.with_name(f"{LEDGER}.damaged{suffix}"))

    def _keep_reserve(self, connection: sqlite3.Connection) -> None:
        """Have free pages inside the file, and as many in its log: overwriting them needs no free disk."""
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        if free * page_bytes < _RESERVE_BYTES // 2:
            connection.execute("INSERT INTO reserve VALUES (zeroblob(?))", (_RESERVE_BYTES,))
            connection.execute("DELETE FROM reserve")
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()  # its log is now long, and begins anew

    def settle_the_dead(self, now_us: int, own_pid: int) -> None:
        """End the entries of lives that were killed where those last said that they live. Call it before the first
        life of this process is written: one of its number was another process."""
        with self._transaction() as connection:
            unsaid = connection.execute("SELECT id, pid, alive_us FROM lives WHERE ended=?", (Ended.NOT_SAID,))
            for life, pid, alive_us in unsaid.fetchall():
                if pid == own_pid or not _runs(pid) or now_us - alive_us > _STALE_US:
                    connection.execute("UPDATE entries SET to_us=? WHERE life=? AND to_us=?", (alive_us, life, OPEN))

    def write(self, lives: Sequence[Life], entries: Sequence[Entry]) -> None:
        """Write what is new or changed in one transaction, and give new rows their ids."""
        made_lives: list[tuple[Life, int]] = []
        made: list[tuple[Entry, int]] = []
        with self._transaction() as connection:
            for life in lives:
                values = (life.pid, life.from_us, life.alive_us, life.ended)
                number = _store(connection, "lives", ("pid", "from_us", "alive_us", "ended"), values, life.id)
                made_lives.append((life, number))
            numbers = {id(life): number for life, number in made_lives}
            for entry in entries:
                life_id = numbers.get(id(entry.life), entry.life.id)
                row = (life_id, entry.device, entry.track, entry.reason, entry.detail, entry.from_us, entry.to_us)
                made.append((entry, _store(connection, "entries", _COLUMNS, row, entry.id)))
        for life, number in made_lives:
            life.id = number
        for entry, number in made:
            entry.id = number

    def prune(self, before_us: int) -> None:
        """Forget what ended before, and keep some space free for a full disk."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM entries WHERE to_us<?", (before_us,))
            connection.execute(
                "DELETE FROM lives WHERE alive_us<? AND NOT EXISTS (SELECT 1 FROM entries WHERE life=lives.id)",
                (before_us,),
            )
            connection.execute(
                "INSERT INTO facts VALUES ('horizon_us', ?) ON CONFLICT (name) DO UPDATE SET value=max(value, ?)",
                (before_us, before_us),
            )
        with self._sqlite() as connection:
            self._keep_reserve(connection)

    def facts(self) -> Facts | None:
        """None when nothing was ever noted."""
        with self._sqlite() as connection:
            found = dict(connection.execute("SELECT name, value FROM facts").fetchall())
        return Facts(found["begun_us"], found.get("horizon_us", 0)) if "begun_us" in found else None

    def entries(self, device: DeviceId, start_us: int, end_us: int, now_us: int) -> list[Found]:
        """What the ledger says of a device in `start_us <= t < end_us`, and where it was assigned before that; in the
        order in which it was noted, whatever the clock showed."""
        with self._sqlite() as connection:
            rows = connection.execute(
                _SELECT + " WHERE e.device=? AND e.to_us<=? AND e.reason=? ORDER BY e.to_us DESC LIMIT 1",
                (device, start_us, ASSIGNED),
            ).fetchall()
            rows += connection.execute(
                _SELECT + " WHERE e.device=? AND e.to_us>? AND e.from_us<? ORDER BY e.id",
                (device, start_us, end_us),
            ).fetchall()
        return [_found(row, now_us) for row in rows]

    def devices(self) -> list[DeviceId]:
        """Every device that the ledger knows."""
        with self._sqlite() as connection:
            return [DeviceId(row[0]) for row in connection.execute("SELECT DISTINCT device FROM entries")]

    def _connect(self) -> sqlite3.Connection:
        if self._writable:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=FULL" if self._writable else "PRAGMA query_only=1")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        return connection

    @contextmanager
    def _sqlite(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connections.of_this_thread()
        except (*SQLITE_ERRORS, OSError) as error:
            raise StorageError(f"the ledger cannot be used: {error}", path=str(self.path)) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._sqlite() as connection, transaction(connection):
            yield connection


_COLUMNS = ("life", "device", "track", "reason", "detail", "from_us", "to_us")
_SELECT = (
    "SELECT e.track, e.reason, e.detail, e.from_us, e.to_us, l.alive_us, l.ended"
    " FROM entries e JOIN lives l ON l.id=e.life"
)


def _store(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], values: Sequence[object], number: int
) -> int:
    """Insert a row, or replace the one of this number; return its number."""
    names = ", ".join(("id", *columns))
    marks = ", ".join("?" * (len(columns) + 1))
    query = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - our own constant texts
    made = connection.execute(query, (number or None, *values)).lastrowid
    assert made is not None  # an INSERT
    return made


def _found(row: tuple[str, str, str, int, int, int, int], now_us: int) -> Found:
    track, reason, detail, from_us, to_us, alive_us, ended = row
    if to_us < OPEN and to_us != alive_us:
        return Found(track, reason, detail, from_us, to_us, None)
    if ended == Ended.NOT_SAID and abs(now_us - alive_us) < ALIVE_GRACE_US and to_us == OPEN:
        return Found(track, reason, detail, from_us, max(now_us, alive_us, from_us), None)
    return Found(track, reason, detail, from_us, max(alive_us, from_us), Ended(ended))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
