"""A backup of the whole configuration in one encrypted file: every table, and the keys that belong to it.

The first line is JSON in clear: what it is and the salt of the key, which is made of a passphrase as for site keys.
Behind it stand frames of `u32 length (big-endian) || AES-256-GCM`, numbered in the nonce, the last one marked in the
associated data, so that nothing can be cut off or swapped unnoticed. They hold gzip of JSON lines: first
`{"revision", "keys"}`, then `{"table", "rows"}` with rows as objects; bytes are `{"$b": base64}`.
A backup of an older version is brought up to date in a database of its own before anything is replaced.
"""

import base64
import gzip
import json
import os
import secrets
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, MetaData, Table, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from common.foundation.errors import VmsError
from server.management.database.address import sqlite_file
from server.management.database.copying import (
    Progress,
    copy_database,
    parents_first,
    site_tables_in_order,
)
from server.management.database.engines import for_reading
from server.management.database.outage import reason_of
from server.management.database.store import Database, DatabaseUnusable
from server.management.database.tables import ItemRow
from server.management.registration.site_keys import keys_in, passphrase_key, put_keys

_MAGIC = "vedette configuration backup 1"
_LENGTH = struct.Struct(">I")
_MOST_FRAME_BYTES = 64 * 1024 * 1024
_MOST_LINE_BYTES = 4096
_AT_ONCE = 500  # rows
_MIDDLE, _LAST = b"vedette backup", b"vedette backup, last"
LEAST_PASSPHRASE = 12


class BackupUnusable(VmsError):
    """A backup cannot be written or read; nothing was changed."""

    message_key = "error.backup"


@dataclass(slots=True)
class RestorePlan:
    """What restoring makes of the configuration: items by kind, and rows of other tables before and after."""

    created: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)


def write_backup(database: Database, folder: Path, file: Path, passphrase: str, progress: Progress) -> dict[str, int]:
    """Write a backup and return the rows by table. A server may use the database meanwhile.

    Raises BackupUnusable, SiteKeysWrong, DatabaseAway; what stood at `file` stays until the backup is whole.
    """
    if len(passphrase) < LEAST_PASSPHRASE:
        raise BackupUnusable(f"the passphrase must have at least {LEAST_PASSPHRASE} characters")
    keys = {name: base64.b64encode(value).decode() for name, value in keys_in(folder).items()}
    partial = file.with_name(f".{file.name}.partial")
    counts: dict[str, int] = {}
    try:
        with open(partial, "wb", opener=_private) as out, for_reading(database.engine).connect() as reading:
            frames = _Writer(out, passphrase)
            revision = reading.scalar(text("SELECT version_num FROM alembic_version"))
            frames.put({"revision": revision, "keys": keys})
            for table in site_tables_in_order():
                counts[table.name] = _dump(table, reading, frames, progress)
            frames.end()
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except (OSError, SQLAlchemyError) as failed:
        reason = reason_of(failed) if isinstance(failed, SQLAlchemyError) else str(failed)
        raise BackupUnusable(f"{file} was not written: {reason}") from failed
    finally:
        partial.unlink(missing_ok=True)
    return counts


def restore_backup(
    file: Path, passphrase: str, database: Database, folder: Path, progress: Progress, *, dry_run: bool, replace: bool
) -> RestorePlan:
    """Put a backup in the place of what `database` holds, all of it or nothing; with `dry_run` only say what that does.

    No server may use the database. Raises BackupUnusable, SiteKeysWrong (the folder holds another site's), CopyRefused
    (not empty and not `replace`), DatabaseAway, DatabaseUnusable.
    """
    with _unpacked(file, passphrase) as (restored, keys):
        put_keys(folder, keys, only_look=True)
        database.migrate()
        plan = _plan(restored, database)
        if not dry_run:
            put_keys(folder, keys)
            copy_database(restored, database, progress, replace=replace)
        return plan


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _dump(table: Table, reading: Connection, frames: "_Writer", progress: Progress) -> int:
    total, done = reading.scalar(select(func.count()).select_from(table)) or 0, 0
    progress(table.name, 0, total)
    rows: list[dict[str, Any]] = []
    for row in reading.execution_options(yield_per=_AT_ONCE).execute(select(table)).mappings():
        rows.append({name: _packed(value) for name, value in row.items()})
        done += 1
        if len(rows) == _AT_ONCE:
            frames.put({"table": table.name, "rows": rows})
            progress(table.name, done, total)
            rows = []
    frames.put({"table": table.name, "rows": rows})
    progress(table.name, done, done)
    return done


@contextmanager
def _unpacked(file: Path, passphrase: str) -> Iterator[tuple[Database, Mapping[str, bytes]]]:
    """A backup in a database of its own, brought up to date, and its keys."""
    with (
        tempfile.TemporaryDirectory(prefix="vedette-restore-") as scratch,
        closing(Database(sqlite_file(Path(scratch) / "restored.sqlite3"), program="restore")) as database,
    ):
        lines = _lines(file, passphrase)
        first = next(lines, {})
        keys, revision = first.get("keys"), first.get("revision")
        if not isinstance(keys, dict) or not isinstance(revision, str):
            raise BackupUnusable(f"{file} does not begin as a backup does")
        try:
            database.migrate(revision)
        except DatabaseUnusable as newer:
            raise BackupUnusable(f"{file} was made by a newer version; restore it with that one") from newer
        _fill(database, lines, file)
        database.migrate()
        yield database, {name: base64.b64decode(value) for name, value in keys.items()}


def _fill(database: Database, lines: Iterator[dict[str, Any]], file: Path) -> None:
    """Put the rows of a backup into tables as they were when it was made."""
    metadata = MetaData()
    metadata.reflect(database.engine)
    waiting: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        rows = [{name: _unpacked_value(value) for name, value in row.items()} for row in line.get("rows", ())]
        waiting.setdefault(str(line.get("table")), []).extend(rows)
    unknown = sorted(set(waiting) - set(metadata.tables))
    if unknown:
        raise BackupUnusable(f"{file} has a table that this version does not know: {unknown[0]}")
    try:
        with database.engine.begin() as writing:
            for table in metadata.sorted_tables:
                rows = parents_first(table, waiting.get(table.name, []))
                for at in range(0, len(rows), _AT_ONCE):
                    writing.execute(table.insert(), rows[at : at + _AT_ONCE])
    except SQLAlchemyError as wrong:
        raise BackupUnusable(f"{file} holds what the tables do not take: {reason_of(wrong)}") from wrong


def _plan(restored: Database, database: Database) -> RestorePlan:
    plan = RestorePlan()
    columns = (ItemRow.id, ItemRow.kind, ItemRow.parent_id, ItemRow.properties, ItemRow.secrets)
    with for_reading(restored.engine).connect() as after, for_reading(database.engine).connect() as before:
        new = {row.id: row for row in after.execute(select(*columns))}
        old = {row.id: row for row in before.execute(select(*columns))}
        for identifier, row in new.items():
            known = old.get(identifier)
            if known is None:
                plan.created[row.kind] = plan.created.get(row.kind, 0) + 1
            elif tuple(known) != tuple(row):
                plan.changed[row.kind] = plan.changed.get(row.kind, 0) + 1
            else:
                plan.unchanged += 1
        for identifier in old.keys() - new.keys():
            kind = old[identifier].kind
            plan.deleted[kind] = plan.deleted.get(kind, 0) + 1
        for table in site_tables_in_order():
            if table is not ItemRow.__table__:
                count = select(func.count()).select_from(table)
                plan.rows[table.name] = (before.scalar(count) or 0, after.scalar(count) or 0)
    return plan


def _packed(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$b": base64.b64encode(bytes(value)).decode()}
    return value


def _unpacked_value(value: object) -> object:
    return base64.b64decode(value["$b"]) if isinstance(value, dict) else value


class _Writer:
    """Writes frames; `end` writes the last."""

    def __init__(self, out: Any, passphrase: str) -> None:
        salt = secrets.token_bytes(16)
        out.write(json.dumps({"what": _MAGIC, "salt": base64.b64encode(salt).decode()}).encode() + b"\n")
        self._out = out
        self._cipher = AESGCM(passphrase_key(passphrase, salt))
        self._number = 0

    def put(self, content: Mapping[str, Any]) -> None:
        self._frame(gzip.compress(json.dumps(content).encode()), _MIDDLE)

    def end(self) -> None:
        self._frame(b"", _LAST)

    def _frame(self, clear: bytes, mark: bytes) -> None:
        sealed = self._cipher.encrypt(self._number.to_bytes(12, "big"), clear, mark)
        self._number += 1
        self._out.write(_LENGTH.pack(len(sealed)) + sealed)


def _lines(file: Path, passphrase: str) -> Iterator[dict[str, Any]]:
    """The contents of a backup's frames. Raises BackupUnusable when it is no whole one."""
    try:
        with file.open("rb") as source:
            first = json.loads(source.readline(_MOST_LINE_BYTES))
            if first["what"] != _MAGIC:
                raise BackupUnusable(f"{file} is no backup of a configuration")
            cipher = AESGCM(passphrase_key(passphrase, base64.b64decode(first["salt"], validate=True)))
            number = 0
            while True:
                head = source.read(_LENGTH.size)
                if len(head) < _LENGTH.size:
                    raise BackupUnusable(f"{file} is not whole: its end is missing")
                (length,) = _LENGTH.unpack(head)
                sealed = source.read(length) if length <= _MOST_FRAME_BYTES else b""
                clear = _opened(cipher, number, sealed)
                if clear is None:
                    what = "the passphrase is wrong, or the file was changed" if number == 0 else "it was changed"
                    raise BackupUnusable(f"{file} cannot be read: {what}")
                if not clear:
                    return
                number += 1
                yield json.loads(gzip.decompress(clear))
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise BackupUnusable(f"{file} is no backup of a configuration ({wrong})") from wrong


def _opened(cipher: AESGCM, number: int, sealed: bytes) -> bytes | None:
    marks: Sequence[bytes] = (_MIDDLE, _LAST)
    for mark in marks:
        try:
            return cipher.decrypt(number.to_bytes(12, "big"), sealed, mark)
        except InvalidTag:
            continue
    return None
