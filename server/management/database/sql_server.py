"""SQLAlchemy's dialect for Microsoft SQL Server (pymssql), made to keep what SQLite and PostgreSQL keep.

- Text is Unicode and compared byte by byte: NVARCHAR with a binary collation, whatever word a migration uses. SQL
  Server's own VARCHAR loses letters, and its default collation takes `A` for `a`.
- No cascades: SQL Server refuses a table that refers to itself with ON DELETE CASCADE, and two cascades that meet in
  one table (error 1785). What hangs below a removed row is removed by `cascades`, on every database alike.
"""

import atexit
import os
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mssql.base import MSDDLCompiler, MSTypeCompiler
from sqlalchemy.dialects.mssql.pymssql import MSDialect_pymssql

COLLATION = "Latin1_General_100_BIN2"
URL = "mssql+vedette://"


def trust_only(authority: str) -> None:
    """Have the driver's connections check the server's certificate and its name: by a file of authorities, or `system`.

    FreeTDS, inside the driver, is told so by a settings file only, for the whole process. It is not told elsewhere: the
    variable that names it is ours from then on.
    """
    descriptor, name = tempfile.mkstemp(prefix="vedette-freetds-", suffix=".conf")
    atexit.register(Path(name).unlink, missing_ok=True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"[global]\n\tca file = {authority}\n\tcheck certificate hostname = yes\n")
    os.environ["FREETDSCONF"] = name


class _Types(MSTypeCompiler):
    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:
        return self.visit_NVARCHAR(type_, **kw)

    def visit_TEXT(self, type_: Any, **kw: Any) -> str:
        return self.visit_NVARCHAR(type_, **kw)

    def visit_NVARCHAR(self, type_: Any, **kw: Any) -> str:
        return f"NVARCHAR({type_.length or 'max'}) COLLATE {COLLATION}"


class _Tables(MSDDLCompiler):
    def define_constraint_cascades(self, constraint: ForeignKeyConstraint) -> str:
        return ""


class SqlServer(MSDialect_pymssql):
    """SQL Server 2016 and newer."""

    driver = "vedette"
    supports_statement_cache = True
    type_compiler_cls = _Types
    ddl_compiler = _Tables

    def __init__(self, **more: Any) -> None:
        super().__init__(deprecate_large_types=True, **more)  # type: ignore[no-untyped-call]  # it has no types

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        return any(word in str(e) for word in _GONE) or super().is_disconnect(e, connection, cursor)  # type: ignore[no-untyped-call]  # it has no types


_GONE = ("20002", "20003", "20004", "20006", "20009", "20017", "20018, severity 9", "20047", "DBPROCESS is dead")
"""db-lib's numbers for a connection that cannot be made, read or written (sybdb.h: SYBECONN ... SYBEDDNE)."""

registry.register("mssql.vedette", __name__, "SqlServer")
