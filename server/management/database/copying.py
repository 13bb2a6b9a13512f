"""Moves a configuration from one database to another, of any kinds: everything or nothing.

Rows are read from one consistent view and written in one transaction, table by table, parents before children; before
it is committed every table is read back and compared by count and SHA-256.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from common.foundation.errors import VmsError
from server.management.database import site_tables
from server.management.database.engines import for_reading, for_writing
from server.management.database.lease import Lease
from server.management.database.lease_locks import lease_lock
from server.management.database.outage import reason_of
from server.management.database.schema import METADATA
from server.management.database.store import Database

_AT_ONCE = 200  # rows a statement: SQL Server takes 2,100 parameters
_OF_ALEMBIC = "alembic_version"
_OWN = {site_tables.LeaseRow.__table__, site_tables.FenceRow.__table__}
"""Tables about the database itself: they stay where they are."""

Progress = Callable[[str, int, int], None]
"""Told the table, rows done and rows in all."""


class CopyRefused(VmsError):
    """The copy was not made; the target is as it was."""

    message_key = "error.database_copy"


@dataclass(frozen=True, slots=True)
class TableSum:
    """What a table holds, by count and by SHA-256 of its rows in the order of their keys."""

    rows: int
    sha256: str


def site_tables_in_order() -> list[Table]:
    """Every table of ours that holds something of the site, parents first."""
    return [table for table in METADATA.sorted_tables if table not in _OWN]


def copy_database(
    source: Database, target: Database, progress: Progress, *, replace: bool = False
) -> dict[str, TableSum]:
    """Copy and return what was copied, by table. `replace`: what the target held goes, in the same transaction.

    Raises CopyRefused: a server uses one of them, the target is not empty, the source has tables we do not know, or
    what was written is not what was read. Raises DatabaseAway, DatabaseUnusable.
    """
    leases = [Lease(each, lease_lock(each), "copying", lambda: 0.0) for each in (source, target)]
    try:
        for database, lease in zip((source, target), leases, strict=True):
            if not lease.try_take():
                raise CopyRefused(f"a management server uses {database.address}; stop it first")
        with (
            for_reading(source.engine).connect() as reading,
            for_writing(target.engine).begin() as writing,
        ):
            _refuse_unknown(reading)
            for table in reversed(site_tables_in_order()) if replace else ():
                writing.execute(table.delete())
            for table in site_tables_in_order():
                if writing.scalar(select(func.count()).select_from(table)):
                    raise CopyRefused(f"{target.address} is not empty: it has rows in {table.name}")
            sums = {table.name: _copy(table, reading, writing, progress) for table in site_tables_in_order()}
            for table in site_tables_in_order():
                if sum_of(table, writing) != sums[table.name]:
                    raise CopyRefused(f"{table.name} came out differently in {target.address}")
        return sums
    except SQLAlchemyError as error:
        raise CopyRefused(reason_of(error)) from error
    finally:
        for lease in leases:
            lease.release()


def sum_of(table: Table, connection: Connection) -> TableSum:
    """Return what a table holds now."""
    digest, count = hashlib.sha256(), 0
    for row in _rows(table, connection):
        digest.update(_canonical(row))
        count += 1
    return TableSum(count, digest.hexdigest())


def _refuse_unknown(reading: Connection) -> None:
    known = {table.name for table in METADATA.sorted_tables} | {_OF_ALEMBIC}
    unknown = sorted(set(inspect(reading).get_table_names()) - known)
    if unknown:
        raise CopyRefused(f"the source has a table that this version does not know: {unknown[0]}")


def _copy(table: Table, reading: Connection, writing: Connection, progress: Progress) -> TableSum:
    total = reading.scalar(select(func.count()).select_from(table)) or 0
    digest, done = hashlib.sha256(), 0
    pending: list[dict[str, Any]] = []
    progress(table.name, 0, total)
    for row in _rows(table, reading):
        digest.update(_canonical(row))
        pending.append(dict(zip(table.columns.keys(), row, strict=True)))
        done += 1
        # Of a table that refers to itself all rows are needed before they can be put in order.
        if len(pending) == _AT_ONCE and not _own_keys(table):
            writing.execute(table.insert(), pending)
            pending.clear()
            progress(table.name, done, total)
    ordered = parents_first(table, pending)
    for at in range(0, len(ordered), _AT_ONCE):
        writing.execute(table.insert(), ordered[at : at + _AT_ONCE])
        progress(table.name, min(done, at + _AT_ONCE), total)
    return TableSum(done, digest.hexdigest())


def _rows(table: Table, connection: Connection) -> Iterator[Sequence[Any]]:
    """Every row, in an order that does not depend on the database: by key, compared here where it may differ."""
    keys = [column.name for column in table.primary_key.columns]
    whole_numbers = all(column.type.python_type is int for column in table.primary_key.columns)
    query = select(table).order_by(*(table.columns[name] for name in keys))
    if whole_numbers:  # may be millions
        yield from connection.execution_options(yield_per=1000).execute(query)
        return
    rows = [tuple(row) for row in connection.execute(select(table))]
    places = [list(table.columns.keys()).index(name) for name in keys]
    yield from sorted(rows, key=lambda row: tuple(str(row[place]).encode() for place in places))


def _canonical(row: Sequence[Any]) -> bytes:
    """Return a row as bytes that are the same whatever the database made of it."""
    cells = (
        cell if isinstance(cell, bytes | type(None)) else bytes(cell) if _is_binary(cell) else cell for cell in row
    )
    return repr(tuple(cells)).encode() + b"\n"


def _is_binary(cell: object) -> bool:
    return isinstance(cell, bytearray | memoryview)


def _own_keys(table: Table) -> list[tuple[list[str], list[str]]]:
    """Return the columns by which a table refers to itself: ours, and those they mean."""
    return [
        ([each.parent.name for each in constraint.elements], [each.column.name for each in constraint.elements])
        for constraint in table.foreign_key_constraints
        if constraint.referred_table is table
    ]


def parents_first(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order rows of a tree so that none comes before what it hangs on; raise CopyRefused when some hang on nothing."""
    ordered = rows
    for ours, theirs in _own_keys(table):
        waiting: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in ordered:
            waiting.setdefault(tuple(row[name] for name in ours), []).append(row)
        placed = [row for key, below in waiting.items() if None in key for row in below]
        at = 0
        while at < len(placed):
            placed += waiting.get(tuple(placed[at][name] for name in theirs), [])
            at += 1
        if len(placed) != len(rows):
            raise CopyRefused(f"{len(rows) - len(placed)} rows of {table.name} hang below none; run `db check`")
        ordered = placed
    return ordered
