"""Looks a configuration database over: version, keys, references, and whether everything in it can be read."""

import json
from collections.abc import Iterator
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, Table, and_, exists, func, inspect, not_, select
from sqlalchemy.exc import SQLAlchemyError

from server.management.database.copying import site_tables_in_order
from server.management.database.engines import for_reading
from server.management.database.outage import DatabaseAway, is_away, reason_of
from server.management.database.store import MIGRATIONS, Database
from server.management.database.tables import ItemRow, SigningKeyRow


def check_database(database: Database, key_file: Path | None) -> tuple[dict[str, int], list[str]]:
    """Return rows by table, and what is wrong in a sentence each. Nothing is changed. Raises DatabaseAway."""
    counts: dict[str, int] = {}
    problems: list[str] = []
    try:
        with for_reading(database.engine).connect() as connection:
            problems += _version(connection)
            if database.address.kind == "sqlite":
                told = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
                problems += [] if told == "ok" else [f"The file is damaged: {told}"]
            there = set(inspect(connection).get_table_names())
            for table in site_tables_in_order():
                if table.name not in there:
                    problems.append(f"The table {table.name} is missing.")
                    continue
                counts[table.name] = connection.scalar(select(func.count()).select_from(table)) or 0
                problems += _dangling(connection, table, there)
            if "items" in there:
                problems += _unreadable(connection, key_file)
    except SQLAlchemyError as error:
        if is_away(error):
            raise DatabaseAway(reason_of(error)) from error
        problems.append(f"It cannot be read: {reason_of(error)}")
    return counts, problems


def _version(connection: Connection) -> Iterator[str]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    newest = set(ScriptDirectory.from_config(config).get_heads())
    found = set(MigrationContext.configure(connection).get_current_heads())
    if not found:
        yield "It has no tables of Vedette yet."
    elif found != newest:
        yield f"Its tables are of version {', '.join(sorted(found))}; this program's are {', '.join(sorted(newest))}."


def _dangling(connection: Connection, table: Table, there: set[str]) -> Iterator[str]:
    for constraint in table.foreign_key_constraints:
        if constraint.referred_table.name not in there:
            continue
        other = constraint.referred_table.alias()
        meant = and_(*(each.parent == other.columns[each.column.name] for each in constraint.elements))
        set_ = and_(*(each.parent.is_not(None) for each in constraint.elements))
        query = select(func.count()).select_from(table).where(set_, not_(exists().where(meant)))
        count = connection.scalar(query)
        if count:
            yield f"{count} rows of {table.name} refer to {constraint.referred_table.name} that are not there."


def _unreadable(connection: Connection, key_file: Path | None) -> Iterator[str]:
    fernet = Fernet(key_file.read_bytes().strip()) if key_file is not None and key_file.exists() else None
    query = select(ItemRow.kind, ItemRow.id, ItemRow.properties, ItemRow.secrets)
    for kind, identifier, properties, secrets in connection.execute(query):
        try:
            json.loads(properties)
            if secrets is not None and fernet is not None:
                fernet.decrypt(bytes(secrets))
        except ValueError:
            yield f"The properties of {kind}/{identifier} cannot be read."
        except InvalidToken:
            yield f"The secrets of {kind}/{identifier} were sealed with another key."
    if fernet is None:
        return
    for kid, sealed in connection.execute(select(SigningKeyRow.kid, SigningKeyRow.private_key)):
        try:
            fernet.decrypt(bytes(sealed))
        except InvalidToken:
            yield f"The signing key {kid} was sealed with another key than {key_file}."
