"""`vedette-server config`: the whole configuration into a file, and back."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from common.foundation.places import default_data_dir
from server.runtime.db_cli import (
    CONFIGURED,
    AsJson,
    Config,
    Data,
    Passphrase,
    finish,
    opened_place,
    shown_progress,
    told,
)
from server.runtime.first_steps import read_password

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Back up and restore the configuration.")

File = Annotated[Path, typer.Argument(help="The backup.", show_default=False)]


@app.command()
def backup(
    file: File, passphrase_file: Passphrase, data: Data = None, config: Config = None, json: AsJson = False
) -> None:
    """Write everything, passwords and keys included, into one encrypted file. The server may run meanwhile."""
    from server.management.database.backup import write_backup

    folder = (data or default_data_dir()) / "management"

    def work() -> dict[str, Any]:
        with (
            closing(opened_place(CONFIGURED, data, config, must_exist=True)) as database,
            shown_progress(quiet=json) as progress,
        ):
            rows = write_backup(database, folder, file, read_password(passphrase_file), progress)
            return {"file": str(file), "rows": rows, "bytes": file.stat().st_size}

    def show(report: dict[str, Any]) -> None:
        told.print(f"{sum(report['rows'].values())} rows and the site's keys are in {escape(report['file'])}.")
        told.print("Keep the passphrase elsewhere: without it nobody reads the file, with it anybody can be the site.")

    finish(work, show, as_json=json)


@app.command()
def restore(  # noqa: PLR0917 - options of a command
    file: File,
    passphrase_file: Passphrase,
    data: Data = None,
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="What is there goes.")] = False,
    json: AsJson = False,
) -> None:
    """Put a backup in place, all of it or nothing. No server may run."""
    from server.management.database.backup import restore_backup

    folder = (data or default_data_dir()) / "management"

    def work() -> dict[str, Any]:
        with (
            closing(opened_place(CONFIGURED, data, config)) as database,
            shown_progress(quiet=json) as progress,
        ):
            passphrase = read_password(passphrase_file)
            plan = restore_backup(file, passphrase, database, folder, progress, dry_run=dry_run, replace=replace)
        made = {"created": plan.created, "changed": plan.changed, "deleted": plan.deleted}
        return {"dry_run": dry_run, **made, "unchanged": plan.unchanged, "rows": plan.rows}

    def show(report: dict[str, Any]) -> None:
        kinds = sorted({kind for what in ("created", "changed", "deleted") for kind in report[what]})
        table = Table("kind", "created", "changed", "deleted", title="Items")
        for kind in kinds:
            table.add_row(kind, *(str(report[what].get(kind, "")) for what in ("created", "changed", "deleted")))
        if kinds:
            told.print(table)
        told.print(f"{report['unchanged']} items stay as they are.")
        told.print("Nothing was changed." if dry_run else "The backup is in place. Start the server.")

    finish(work, show, as_json=json)
