"""The database that the settings name."""

import os
import socket
from pathlib import Path

from server.management.database.address import DatabaseAddress, read_database_url, sqlite_file
from server.management.database.engines import DatabaseLimits
from server.management.database.store import Database
from server.management.settings import ManagementSettings

FILE = "configuration.sqlite3"


def address_of(settings: ManagementSettings, folder: Path) -> DatabaseAddress:
    """Return where the database is; `folder` is management's in the data folder. Raises WrongDatabaseUrl."""
    if not settings.database_url:
        return sqlite_file(folder / FILE)
    return read_database_url(settings.database_url, settings.database_password)


def opened_database(settings: ManagementSettings, folder: Path) -> Database:
    """Return the database, which nobody has connected to yet. Raises WrongDatabaseUrl."""
    limits = DatabaseLimits(
        settings.database_pool,
        settings.database_connect_s,
        settings.database_statement_s,
        settings.database_patience_s,
    )
    return Database(address_of(settings, folder), limits, program_name())


def program_name() -> str:
    """Return what tells this process from any other at the database."""
    return f"vedette {socket.gethostname()[:30]} {os.getpid()}"
