"""`vedette-server db`: moving the configuration between databases, and looking it over; `keys`: what servers share.

Ends with 0 when all is well, 1 when something was found, 2 when it could not be done.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from common.foundation.catalog import explain
from common.foundation.errors import VmsError
from common.foundation.places import default_data_dir, default_settings_file
from common.foundation.settings import load_settings
from server.runtime.first_steps import read_password

if TYPE_CHECKING:
    from server.management.database.store import Database

EXIT_FOUND, EXIT_NOT_DONE = 1, 2
CONFIGURED = "configured"
PASSWORD_VARIABLE = "VEDETTE_DB_PASSWORD"  # noqa: S105 - a name

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Move and check the configuration.")
keys_app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Keys that a site's servers share.")
told = Console(stderr=True, highlight=False)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder of the server.")]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file of the server.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
PLACE = f"postgresql://..., mssql://..., sqlite:////file, or '{CONFIGURED}': the one in the settings."
Passphrase = Annotated[Path, typer.Option("--passphrase-file", help="File whose first line is the passphrase.")]


@app.command()
def copy(
    source: Annotated[str, typer.Argument(help=PLACE, show_default=False)],
    dest: Annotated[str, typer.Argument(help="The same. It must be empty.", show_default=False)],
    data: Data = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Copy everything into an empty database, or nothing. No server may use either.

    Passwords: in the address as password_file=, or in the variable VEDETTE_DB_PASSWORD.
    """
    from server.management.database.copying import copy_database

    def work() -> dict[str, Any]:
        with (
            closing(opened_place(source, data, config, must_exist=True)) as reading,
            closing(opened_place(dest, data, config)) as writing,
            shown_progress(quiet=json) as progress,
        ):
            sums = copy_database(reading, writing, progress)
            return {
                "from": str(reading.address),
                "to": str(writing.address),
                "tables": {name: {"rows": each.rows, "sha256": each.sha256} for name, each in sums.items()},
            }

    def show(report: dict[str, Any]) -> None:
        rows = sum(table["rows"] for table in report["tables"].values())
        told.print(
            f"Copied {rows} rows in {len(report['tables'])} tables to {escape(report['to'])}, and compared them."
        )
        told.print("Set [management] database_url to it, and keep secrets.key, ca.pem and ca.key where they are.")

    finish(work, show, as_json=json)


@app.command()
def check(
    place: Annotated[str, typer.Argument(help=PLACE)] = CONFIGURED,
    data: Data = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Look a database over; change nothing. A server may use it meanwhile."""
    from server.management.database.checking import check_database

    key_file = (data or default_data_dir()) / "management" / "secrets.key"

    def work() -> dict[str, Any]:
        with closing(opened_place(place, data, config, must_exist=True)) as database:
            counts, problems = check_database(database, key_file)
            return {"database": str(database.address), "rows": counts, "problems": problems}

    def show(report: dict[str, Any]) -> None:
        for problem in report["problems"]:
            told.print(escape(problem), soft_wrap=True)
        if not report["problems"]:
            told.print(f"{escape(report['database'])}: {sum(report['rows'].values())} rows, all in order.")

    if finish(work, show, as_json=json)["problems"]:
        raise typer.Exit(EXIT_FOUND)


@keys_app.command("save")
def save_keys_of(
    file: Annotated[Path, typer.Argument(show_default=False)], passphrase_file: Passphrase, data: Data = None
) -> None:
    """Write the site's keys, encrypted with a passphrase, into a file for another server."""
    from server.management.registration.site_keys import save_keys

    folder = (data or default_data_dir()) / "management"

    def work() -> dict[str, Any]:
        save_keys(folder, file, read_password(passphrase_file))
        return {}

    def show(_: dict[str, Any]) -> None:
        told.print(f"The keys are in {escape(str(file))}. Whoever has it and the passphrase can act as the site.")

    finish(work, show)


@keys_app.command("restore")
def restore_keys_of(
    file: Annotated[Path, typer.Argument(show_default=False)], passphrase_file: Passphrase, data: Data = None
) -> None:
    """Put the site's keys from such a file into this server's data folder."""
    from server.management.registration.site_keys import restore_keys

    folder = (data or default_data_dir()) / "management"

    def work() -> dict[str, Any]:
        restore_keys(folder, file, read_password(passphrase_file))
        return {}

    finish(work, lambda _: told.print(f"{escape(str(folder))} has the site's keys now."))


def opened_place(place: str, data: Path | None, config: Path | None, *, must_exist: bool = False) -> "Database":
    from server.management.database.address import read_database_url, sqlite_file
    from server.management.database.opening import address_of, program_name
    from server.management.database.store import Database, DatabaseUnusable
    from server.management.settings import ManagementSettings

    if place == CONFIGURED:
        file = config or (default_settings_file() if default_settings_file().is_file() else None)
        settings = load_settings(ManagementSettings, "management", file, os.environ)
        address = address_of(settings, (data or default_data_dir()) / "management")
    elif "://" in place:
        address = read_database_url(place, os.environ.get(PASSWORD_VARIABLE, ""))
    else:
        address = sqlite_file(Path(place).resolve())
    if must_exist and address.kind == "sqlite" and not address.path.is_file():
        raise DatabaseUnusable("there is no such file", path=str(address.path))
    return Database(address, program=f"{program_name()} tool")


def finish(
    work: Callable[[], dict[str, Any]], show: Callable[[dict[str, Any]], None], *, as_json: bool = False
) -> dict[str, Any]:
    try:
        report = work()
    except VmsError as failed:
        told.print(escape(explain(failed)), soft_wrap=True)
        raise typer.Exit(EXIT_NOT_DONE) from None
    if as_json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        show(report)
    return report


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Bars for what is done table by table, where somebody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=told, disable=quiet or not told.is_terminal) as bar:
        tables: dict[str, Any] = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tables:
                tables[table] = bar.add_task(table, total=total)
            bar.update(tables[table], completed=done)

        yield show
