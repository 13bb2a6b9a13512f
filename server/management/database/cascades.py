"""Removes what hangs below a removed row, by the tables' own declarations of ON DELETE CASCADE.

Done here rather than by the database because SQL Server refuses such declarations (see `sql_server`); on the others it
finds the work done.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, ForeignKeyConstraint, Table, and_, delete, or_, select
from sqlalchemy.orm import Session

_AT_ONCE = 200  # rows in one statement: SQL Server takes 2,100 parameters

Key = tuple[str, tuple[Any, ...]]


def remove_below(session: Session, *_flush: object) -> None:
    """Before a flush: remove what hangs below each object that it removes. A listener of `before_flush`."""
    going: dict[Table, list[dict[str, Any]]] = {}
    for item in session.deleted:
        table = item.__table__
        going.setdefault(table, []).append({column.name: getattr(item, column.key) for column in table.columns})
    known = {_key(table, row) for table, rows in going.items() for row in rows}
    for table, rows in going.items():
        _remove_below(session, table, rows, known)


def _remove_below(session: Session, table: Table, rows: Sequence[dict[str, Any]], known: set[Key]) -> None:
    for constraint in _pointing_at(table):
        child = constraint.table
        for at in range(0, len(rows), _AT_ONCE):
            chosen = or_(*(_points_at(constraint, row) for row in rows[at : at + _AT_ONCE]))
            found = [dict(row) for row in session.execute(select(child).where(chosen)).mappings()]
            fresh = [row for row in found if _key(child, row) not in known]
            if not fresh:
                continue
            known.update(_key(child, row) for row in fresh)
            _remove_below(session, child, fresh, known)
            for start in range(0, len(fresh), _AT_ONCE):
                part = fresh[start : start + _AT_ONCE]
                session.execute(
                    delete(child).where(or_(*(_is(child, row) for row in part))),
                    execution_options={"synchronize_session": False},
                )


def _pointing_at(table: Table) -> Iterator[ForeignKeyConstraint]:
    for other in table.metadata.sorted_tables:
        for constraint in other.foreign_key_constraints:
            if constraint.referred_table is table and (constraint.ondelete or "").upper() == "CASCADE":
                yield constraint


def _points_at(constraint: ForeignKeyConstraint, row: dict[str, Any]) -> ColumnElement[bool]:
    return and_(*(element.parent == row[element.column.name] for element in constraint.elements))


def _is(table: Table, row: dict[str, Any]) -> ColumnElement[bool]:
    return and_(*(column == row[column.name] for column in table.primary_key.columns))


def _key(table: Table, row: dict[str, Any]) -> Key:
    return table.name, tuple(row[column.name] for column in table.primary_key.columns)
