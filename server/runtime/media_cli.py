"""`vedette-server media`: looking after recordings and exporting them, also while the recorder runs.

Ends with 0 when all is well, 1 when something was found, 2 when it could not be done.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from common.foundation.catalog import explain
from common.foundation.errors import SettingsError, StorageError, VmsError
from common.foundation.places import default_data_dir

EXIT_FOUND, EXIT_NOT_DONE = 1, 2

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Check, repair, count and export recordings."
)
told = Console(stderr=True, highlight=False)

Root = Annotated[Path, typer.Argument(help="Folder of the recordings (of a storage).", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Time = Annotated[str, typer.Option(help="ISO 8601; without a zone it is this machine's time.", show_default=False)]


@app.command()
def check(root: Root, json: AsJson = False) -> None:
    """Compare every file with the index; change nothing."""
    from server.recording.mediadb.layout import segments_on_disk
    from server.recording.mediadb.tools import check as check_root

    def work() -> dict[str, Any]:
        _needs_storage(root)
        with _counted("Checking", sum(1 for _ in segments_on_disk(root)), quiet=json) as progress:
            return check_root(root, progress)

    _finish(work, _print_findings, as_json=json)


@app.command()
def reindex(
    root: Root,
    thorough: Annotated[bool, typer.Option("--thorough", help="Look into every file, also finished ones.")] = False,
    json: AsJson = False,
) -> None:
    """Make the index again from the files; recording may go on meanwhile."""
    from server.recording.mediadb.layout import segments_on_disk
    from server.recording.mediadb.tools import rebuild

    def work() -> dict[str, Any]:
        _needs_storage(root)
        with _counted("Indexing", sum(1 for _ in segments_on_disk(root)), quiet=json) as progress:
            return rebuild(root, progress, thorough=thorough)

    _finish(work, _print_findings, as_json=json)


@app.command()
def stats(root: Root, json: AsJson = False) -> None:
    """Show what is recorded of each track."""
    from server.recording.mediadb.tools import stats as stats_of

    def work() -> dict[str, Any]:
        _needs_storage(root)
        return stats_of(root)

    _finish(work, _print_stats, as_json=json)


@app.command()
def verify(  # noqa: PLR0917 - typer calls it by name
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Storages, folders or files of recordings, archives in object stores (s3://bucket/folder);"
            " or one exported package (zip, or its folder)."
        ),
    ],
    device: Annotated[str, typer.Option(help="Only this camera or microphone.", show_default=False)] = "",
    start: Annotated[str, typer.Option("--from", help="ISO 8601; without a zone it is this machine's time.")] = "",
    end: Annotated[str, typer.Option("--to", help="As --from.")] = "",
    key: Annotated[
        list[str] | None,
        typer.Option(help="Everything must be signed with this key: fingerprint, public key or PEM file; several."),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="The recorder's data folder: its keys count.")] = None,
    options: Annotated[
        Path | None,
        typer.Option(
            help="JSON file with what opens the object store (key, secret, endpoint_url, ...); else what the"
            " recorder knows, or the environment."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Tell whether recordings, or an exported package, are what the recorder wrote; change nothing."""
    from server.recording.archiving.stage import is_remote
    from server.recording.exporting.verifying import is_package, verify_package
    from server.recording.proof.archives import archive_at
    from server.recording.proof.recordings import Wanted, verify_recordings

    if len(paths) == 1 and not is_remote(paths[0]) and is_package(Path(paths[0])):
        _finish(lambda: verify_package(Path(paths[0]), key[0] if key else None), _print_verdict, as_json=json)

    def work() -> dict[str, Any]:
        wanted = Wanted(
            device,
            _instant("--from", start) if start else -(1 << 62),
            _instant("--to", end) if end else 1 << 62,
            _trust(key or [], data),
        )
        folder = (data or default_data_dir()).resolve()
        archives = [archive_at(url, folder, _options(options)) for url in paths if is_remote(url)]
        with _measured("Verifying", quiet=json) as progress:
            return verify_recordings([Path(path) for path in paths if not is_remote(path)], wanted, progress, archives)

    _finish(work, _print_proof, as_json=json)


@app.command()
def keys(
    data: Annotated[Path | None, typer.Option("--data", help="The recorder's data folder.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Sign with a new key from the recorder's next start on.")] = False,
    json: AsJson = False,
) -> None:
    """Show the keys that this recorder signs, and signed, recordings and exports with."""
    from server.recording.proof.signing import fingerprint, new_signing_key, public_bytes, public_keys, signing_key

    def work() -> dict[str, Any]:
        folder = (data or default_data_dir()).resolve()
        _needs_recorder(folder)
        present = public_bytes(new_signing_key(folder) if new else signing_key(folder))
        known = [
            {"fingerprint": fingerprint(key), "public_key": key.hex(), "present": key == present}
            for key in public_keys(folder)
        ]
        return {"ok": True, "keys": known}

    _finish(work, _print_keys, as_json=json)


def _options(file: Path | None) -> dict[str, str] | None:
    """What opens an object store, as an archive's options; from a file, since others see a command's arguments."""
    if file is None:
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{file} is no JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise SettingsError(f'{file} must be an object of texts, such as {{"key": "..."}}')
    return found


def _trust(keys: list[str], data: Path | None) -> Any:
    """Whose signatures count: the named keys, or those of the recorder on this machine, or anybody's."""
    from server.recording.proof.findings import Trust
    from server.recording.proof.signing import fingerprint, fingerprint_named, public_keys

    if keys:
        return Trust(frozenset(map(fingerprint_named, keys)), must_be_signed=True)
    if data is not None:
        _needs_recorder(data)
    try:
        known = public_keys((data or default_data_dir()).resolve())
    except (StorageError, OSError):
        if data is not None:
            raise
        known = []  # somebody who is not the recorder verifies what was given to him
    return Trust(frozenset(map(fingerprint, known)) if known or data is not None else None)


@app.command()
def export(  # noqa: PLR0917 - typer calls it by name
    root: Root,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the result; made when it is missing.")],
    device: Annotated[
        list[str], typer.Option(help="Id of a camera or microphone, as `media stats` shows it; several.")
    ],
    start: Annotated[str, typer.Option("--from", help="ISO 8601; without a zone it is this machine's time.")],
    end: Annotated[str, typer.Option("--to", help="As --from.")],
    kind: Annotated[str, typer.Option("--format", help="mp4, mkv, avi, jpeg, png or package.")] = "mp4",
    cut: Annotated[str, typer.Option(help="gop: whole groups of pictures; frame: exact to the picture.")] = "gop",
    gaps: Annotated[str, typer.Option(help="keep: gaps stay as time; cut: they are left out.")] = "keep",
    microphone: Annotated[str | None, typer.Option(help="Id of the microphone that belongs to the camera.")] = None,
    track: Annotated[str, typer.Option(help="primary or secondary.")] = "primary",
    every: Annotated[float, typer.Option(help="Seconds between stills.")] = 1.0,
    password_file: Annotated[Path | None, typer.Option(help="Password of a package, on the file's first line.")] = None,
    comment: Annotated[str, typer.Option(help="Kept with the result.")] = "",
    data: Annotated[Path | None, typer.Option("--data", help="The recorder's data folder: its key signs.")] = None,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not read the result back.")] = False,
    json: AsJson = False,
) -> None:
    """Export recordings from a storage's folder."""
    from server.recording.exporting.command import ExportOrder, export_folder

    def work() -> dict[str, Any]:
        _needs_storage(root)
        order = ExportOrder(
            root,
            output,
            (data or default_data_dir()).resolve(),
            tuple(device),
            microphone,
            track,
            _instant("--from", start),
            _instant("--to", end),
            {
                "format": kind,
                "cut": cut,
                "gaps": gaps,
                "every_s": every,
                "password": _first_line(password_file) if password_file else "",
                "comment": comment,
                "verify": not no_verify,
            },
        )
        with _measured("Exporting", quiet=json) as progress:
            return export_folder(order, progress)

    _finish(work, _print_export, as_json=json)


@app.command(name="confirm-delete")
def confirm_delete(root: Root, json: AsJson = False) -> None:
    """Let retention delete what its safety stop holds back: more than half of a storage at once."""
    from server.recording.mediadb.holding import SafetyStop
    from server.recording.storages.watching import confirm_deletion

    def work() -> dict[str, Any]:
        _needs_storage(root)
        held = SafetyStop(root).held()
        if not confirm_deletion(root) or held is None:
            return {"ok": True, "confirmed": False, "segments": 0, "of": 0}
        return {"ok": True, "confirmed": True, "segments": held.segments, "of": held.of}

    _finish(work, _print_confirmed, as_json=json)


def _print_confirmed(report: dict[str, Any]) -> None:
    if report["confirmed"]:
        text = f"{report['segments']} of {report['of']} segments will be deleted, soon and for good."
    else:
        text = "No deletion waits to be confirmed."
    Console(highlight=False).print(text)


def _finish(work: Callable[[], dict[str, Any]], show: Callable[[dict[str, Any]], None], *, as_json: bool) -> None:
    """Do the work, print what came of it, and leave with the code that says so."""
    try:
        report = work()
    except (VmsError, OSError) as failed:
        sentence = (
            explain(failed) if isinstance(failed, VmsError) else f"{failed.strerror or failed}: {failed.filename}"
        )
        if as_json:
            sys.stdout.write(json.dumps({"ok": False, "error": sentence}) + "\n")
        else:
            told.print(escape(sentence), soft_wrap=True)
        raise typer.Exit(EXIT_NOT_DONE) from None
    if as_json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        show(report)
    raise typer.Exit(0 if report["ok"] else EXIT_FOUND)


@app.command()
def unlock(
    folder: Annotated[Path, typer.Argument(help="Folder of encrypted recordings: a storage, or an archive of it.")],
    password_file: Annotated[Path, typer.Option(help="The storage's password, on the file's first line.")],
    data: Annotated[Path | None, typer.Option("--data", help="Data folder of the recorder that is to read it.")] = None,
    json: AsJson = False,
) -> None:
    """Let this recorder read what another one encrypted, with the password of its storage."""
    from server.recording.keys.chest import KeyChest

    def work() -> dict[str, Any]:
        chest = KeyChest((data or default_data_dir()).resolve())
        return {"ok": True, "keys": chest.adopt(folder.resolve(), _first_line(password_file))}

    _finish(work, lambda report: told.print(f"{report['keys']} keys taken in."), as_json=json)


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="One encrypted recording.")],
    data: Annotated[Path | None, typer.Option("--data", help="The recorder's data folder.")] = None,
    json: AsJson = False,
) -> None:
    """Show the key of one recording, for players: ffplay -decryption_key KEY FILE."""
    from common.media.mp4.reader import read_init
    from server.recording.keys.chest import KeyChest
    from server.recording.mediadb.files import LocalFile

    def work() -> dict[str, Any]:
        with LocalFile(file) as opened:
            protection = read_init(opened.read).protection
        if protection is None:
            return {"ok": True, "encrypted": False, "key": ""}
        chest = KeyChest((data or default_data_dir()).resolve())
        return {"ok": True, "encrypted": True, "key": chest.content_key(protection).hex()}

    _finish(work, lambda report: print(report["key"] or "not encrypted"), as_json=json)  # noqa: T201 - for scripts


def _needs_storage(root: Path) -> None:
    from server.recording.mediadb.layout import storage_id

    if storage_id(root) is None:
        raise StorageError("there is no media database here", path=str(root))


def _needs_recorder(data: Path) -> None:
    if not (data / "recording" / "identity").is_dir():
        raise StorageError("this is not the data folder of a recorder; name it with --data", path=str(data))


def _instant(option: str, text: str) -> int:
    from common.foundation.clock import utc_us

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} '{text}' is no time such as 2026-11-23T14:05:06 or ...T13:05:06Z") from None
    return utc_us(found if found.tzinfo is not None else found.astimezone())


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise SettingsError(f"the password file {file} is no UTF-8 text") from None


@contextmanager
def _counted(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar that counts files, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=told, disable=quiet or not told.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda files: bar.update(task, completed=files)


@contextmanager
def _measured(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar that measures bytes, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=told, disable=quiet or not told.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_findings(report: dict[str, Any]) -> None:
    out = Console(highlight=False)
    for name, value in report.items():
        if name == "ok":
            continue
        words = name.replace("_", " ")
        if isinstance(value, (list, tuple)):
            out.print(f"{words}: {len(value)}")
            for one in value[:100]:
                shown = f"{one['path']}: {one['reason']}" if isinstance(one, dict) else str(one)
                out.print(f"  {escape(shown)}", soft_wrap=True)
        else:
            out.print(f"{words}: {value}")
    out.print("[green]All is well.[/green]" if report["ok"] else "[red]Something is wrong; see above.[/red]")


def _print_stats(report: dict[str, Any]) -> None:
    out = Console(highlight=False)
    table = Table("device / track", "files", "MB", "from", "to")
    for name, track in report["tracks"].items():
        megabytes = f"{track['size_bytes'] / 1e6:,.0f}"
        table.add_row(escape(name), str(track["segments"]), megabytes, str(track["from"]), str(track["to"]))
    out.print(table)
    out.print(f"{report['segments']} files, {report['size_bytes'] / 1e9:,.2f} GB")


def _print_verdict(report: dict[str, Any]) -> None:
    out = Console(highlight=False)
    out.print("[green]INTACT[/green]" if report["ok"] else "[red]CHANGED[/red]")
    for sentence in report["found"]:
        out.print(f"  {escape(sentence)}", soft_wrap=True)
    for name in ("recorder", "exported", "by", "comment", "files", "gaps", "key"):
        if report.get(name):
            out.print(f"{name}: {escape(str(report[name]))}", soft_wrap=True)


def _print_proof(report: dict[str, Any]) -> None:
    out = Console(highlight=False)
    for one in report["findings"]:
        which = f" fragments {one['fragments'][0]}-{one['fragments'][1]}" if one["fragments"] else ""
        where = f"{one['device']} {one['track']} {one['from']} - {one['to']}"
        out.print(f"[red]{one['kind'].replace('_', ' ')}[/red]: {escape(where)}: {escape(one['why'])}", soft_wrap=True)
        out.print(f"  {escape(one['path'])}{which}", soft_wrap=True)
    if report["findings_left_out"]:
        out.print(f"and {report['findings_left_out']} more")
    for note in report["notes"]:
        out.print(f"note: {escape(note)}", soft_wrap=True)
    sealed, signed = report["sealed_fragments"], report["signed_fragments"]
    out.print(
        f"{report['files']} files, {report['fragments']} fragments: {sealed} as they were sealed, {signed} signed"
    )
    if report["not_sealed_files"]:
        out.print(f"not sealed: {report['not_sealed_files']} files (recorded by an earlier version)")
    for key in report["keys"]:
        known = "" if key["known"] else " (not compared with any known key: see --key)"
        out.print(f"key {key['fingerprint']}: {key['fragments']} fragments{known}")
    out.print("[green]INTACT[/green]" if report["ok"] else "[red]CHANGED, see above[/red]")


def _print_keys(report: dict[str, Any]) -> None:
    out = Console(highlight=False)
    for key in report["keys"]:
        out.print(
            f"{key['fingerprint']}  {key['public_key']}{'  (signs now)' if key['present'] else ''}", soft_wrap=True
        )


def _print_export(report: dict[str, Any]) -> None:
    out = Console(highlight=False)
    for file in report["files"]:
        out.print(f"{escape(file['name'])}  {file['size_bytes'] / 1e6:,.1f} MB", soft_wrap=True)
    for gap in report["gaps"]:
        out.print(f"gap: {gap['device']} {gap['from']} - {gap['to']}: {escape(gap['reason'])}", soft_wrap=True)
    for note in report["notes"]:
        out.print(escape(note), soft_wrap=True)
