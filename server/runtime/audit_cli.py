"""`vedette-server audit`: checking that the audit log is whole, and writing it into a file.

Ends with 0 when all is well, 1 when something was found, 2 when it could not be done.
"""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.markup import escape

from common.foundation.clock import US_PER_S, UtcUs, iso_utc
from common.foundation.errors import SettingsError
from common.foundation.places import default_data_dir
from server.runtime.db_cli import CONFIGURED, EXIT_FOUND, PLACE, AsJson, Config, Data, finish, opened_place, told

if TYPE_CHECKING:
    from server.management.audit.chain import AuditChain

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Check and export the audit log.")

_COLUMNS = ("sequence", "at", "category", "action", "outcome", "user", "address", "client", "item", "item_name")
_MOST_SHOWN = 1000
Place = Annotated[str, typer.Argument(help=PLACE)]
Time = Annotated[str, typer.Option(help="ISO 8601; without a zone it is UTC.", show_default=False)]


@app.command()
def verify(place: Place = CONFIGURED, data: Data = None, config: Config = None, json: AsJson = False) -> None:
    """Check every entry and name those that were changed, removed or moved. A server may run meanwhile.

    Needs the site's secrets.key in the data folder. Tells the newest entry: compare it with an earlier checkpoint.
    """

    def work() -> dict[str, Any]:
        chain = _chain(data)
        with closing(opened_place(place, data, config, must_exist=True)) as database, database.read() as session:
            problems: list[str] = []
            for problem in chain.problems(session):
                problems.append(problem)
                if len(problems) == _MOST_SHOWN:
                    problems.append("There is more.")
                    break
            head = chain.head(session)
            return {
                "database": str(database.address),
                "sequence": head.sequence,
                "hash": head.hash,
                "problems": problems,
            }

    def show(report: dict[str, Any]) -> None:
        for problem in report["problems"]:
            told.print(escape(problem), soft_wrap=True)
        state = "whole" if not report["problems"] else "not whole"
        told.print(f"The audit log is {state}. Newest entry: {report['sequence']}, {report['hash']}", soft_wrap=True)

    if finish(work, show, as_json=json)["problems"]:
        raise typer.Exit(EXIT_FOUND)


@app.command()
def export(  # noqa: PLR0917 - typer calls it by name
    file: Annotated[str, typer.Argument(help="File to write (.csv or .jsonl); - is standard output.")],
    place: Place = CONFIGURED,
    from_: Annotated[str, typer.Option("--from", help="First moment, ISO 8601.", show_default=False)] = "",
    to: Time = "",
    user: Annotated[str, typer.Option(help="Only of this user.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Write entries, oldest first, as lines of JSON or as CSV."""
    from server.management.audit.log import AuditFilter, oldest_first

    def work() -> dict[str, Any]:
        wanted = AuditFilter(from_us=_instant("--from", from_), to_us=_instant("--to", to), user=user)
        count = 0
        with (
            closing(opened_place(place, data, config, must_exist=True)) as database,
            database.read() as session,
            _writing(file) as out,
        ):
            sheet = csv.writer(out) if file.lower().endswith(".csv") else None
            if sheet is not None:
                sheet.writerow([*_COLUMNS, "source", "changes", "details"])
            for entry in oldest_first(session, wanted):
                count += 1
                if sheet is None:
                    out.write(json.dumps(entry, ensure_ascii=False) + "\n")
                else:
                    sheet.writerow(_cells(entry))
        return {"entries": count}

    finish(work, lambda report: told.print(f"{report['entries']} entries."))


def _chain(data: Path | None) -> "AuditChain":
    from server.management.audit.chain import PURPOSE, AuditChain
    from server.management.database.sealing import Seal
    from server.management.registration.site_keys import SiteKeysWrong

    key_file = (data or default_data_dir()) / "management" / "secrets.key"
    if not key_file.is_file():
        raise SiteKeysWrong(f"{key_file} is not there; name the server's data folder with --data")
    return AuditChain(Seal(key_file).key_for(PURPOSE))


def _cells(entry: dict[str, Any]) -> list[str]:
    shown = {**entry, "at": iso_utc(UtcUs(entry["at_us"])) if "at_us" in entry else ""}
    cells = [str(shown.get(name, "")) for name in (*_COLUMNS, "source")]
    cells += [json.dumps(shown.get(name), ensure_ascii=False) for name in ("changes", "details")]
    # A spreadsheet would take such a text for a formula; user names are other people's texts.
    return [f"'{cell}" if cell[:1] in "=+-@\t\r" and cell[:1] else cell for cell in cells]


def _instant(option: str, text: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise SettingsError(f"{option} is '{text}', and no time like 2026-01-31T12:00:00") from wrong
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * US_PER_S)


@contextmanager
def _writing(file: str) -> Iterator[TextIO]:
    if file == "-":
        yield sys.stdout
        return
    try:
        with open(file, "x", encoding="utf-8", newline="") as out:
            yield out
    except OSError as failed:
        raise SettingsError(f"{file} cannot be written ({failed.strerror})") from failed
