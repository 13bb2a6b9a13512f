"""`vedette-server`: run the daemons, run the demo, show what can be set."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from common.foundation.catalog import explain
from common.foundation.clock import SystemClock
from common.foundation.errors import SettingsError, VmsError
from common.foundation.logs import STDERR_LEVEL, logging_to
from common.foundation.places import default_data_dir, default_settings_file
from server.runtime import audit_cli, config_cli, db_cli, media_cli
from server.runtime.daemon import EXIT_FAILED, EXIT_REFUSED
from server.runtime.supervisor import RunningServers, RunPlan, running_servers
from server.runtime.tables import TABLES

EXIT_USAGE = 2

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="The servers of Vedette."
)
app.add_typer(media_cli.app, name="media")
app.add_typer(audit_cli.app, name="audit")
app.add_typer(config_cli.app, name="config")
app.add_typer(db_cli.app, name="db")
app.add_typer(db_cli.keys_app, name="keys")
told = Console(stderr=True, highlight=False)

Data = Annotated[Path | None, typer.Option("--data", help="Folder for everything the servers keep.")]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML); see `vedette-server settings`.")]
PortOffset = Annotated[int, typer.Option("--port-offset", min=-65_535, max=65_535, help="Shift every port by this.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print nothing but the ready line.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--admin-password-file", help="First start: password of the first administrator, on its first line."),
]


@app.command()
def run(  # noqa: PLR0917 - typer calls it by name
    daemons: Annotated[list[str] | None, typer.Argument(help=f"Which: {', '.join(TABLES)}. Default: all.")] = None,
    data: Data = None,
    config: Config = None,
    port_offset: PortOffset = 0,
    json: AsJson = False,
    admin_password_file: PasswordFile = None,
) -> None:
    """Run the daemons until Ctrl-C or SIGTERM, and start again what dies.

    Prints one line `ready {json}` with every address once all answer.
    """
    plan = _plan(daemons or list(TABLES), data, config, port_offset, quiet=json)

    async def serve() -> None:
        from server.runtime.first_steps import read_password  # its HTTP client is half of the start-up time

        password = read_password(admin_password_file) if admin_password_file else ""
        async with running_servers(plan, SystemClock()) as servers:
            await _first_administrator(servers, password, quiet=json)
            _print_ready(servers.ready_line({}))
            await asyncio.Event().wait()

    _run(serve, plan.data, quiet=json)


@app.command()
def demo(data: Data = None, config: Config = None, port_offset: PortOffset = 0, json: AsJson = False) -> None:
    """Run all daemons with four simulated cameras, and an administrator with a random password."""
    plan = _plan(list(TABLES), data or Path("demo-data"), config, port_offset, quiet=True)

    async def serve() -> None:
        async with running_servers(plan, SystemClock()) as servers:
            from server.runtime import first_steps  # its HTTP client loads while the daemons start

            url, ca, code = _management(servers)
            ca_pem = ca.read_text(encoding="ascii")
            password = await asyncio.to_thread(first_steps.demo_password, plan.data, code, url, ca_pem)
            added = await asyncio.to_thread(first_steps.add_demo_cameras, url, ca_pem, password, plan.data)
            _forget_setup_code(servers)
            file = first_steps.demo_password_file(plan.data)
            if not json:
                told.print(f"[bold]Vedette demo[/bold] at {url}  user {first_steps.ADMINISTRATOR}  password ", end="")
                told.print(f"{escape(password)}  (kept in {escape(str(file))})")
                if added:
                    told.print(f"Cameras added: {', '.join(added)}")
            more = {"url": url, "user": first_steps.ADMINISTRATOR, "password_file": str(file), "ca": str(ca)}
            _print_ready(servers.ready_line({"demo": more}))
            await asyncio.Event().wait()

    _run(serve, plan.data, quiet=True)


@app.command()
def settings() -> None:
    """Print every setting, as in docs/settings.md."""
    from server.runtime.settings_docs import settings_page

    sys.stdout.write(settings_page())


@app.command("version")
def show_version() -> None:
    """Print the version."""
    sys.stdout.write(f"vedette {version('vedette')}\n")


def main() -> None:
    """Run the command line; a person never sees a traceback for what we raise on purpose."""
    app(prog_name="vedette-server")


def _plan(daemons: list[str], data: Path | None, config: Path | None, port_offset: int, *, quiet: bool) -> RunPlan:
    unknown = [name for name in daemons if name not in TABLES]
    if unknown:
        told.print(f"There is no daemon '{escape(unknown[0])}'; there are: {', '.join(TABLES)}.")
        raise typer.Exit(EXIT_USAGE)
    if config is None and default_settings_file().is_file():
        config = default_settings_file()
    # A folder named `server` where we happen to be started must not be taken for ours.
    environ = {**os.environ, "PYTHONSAFEPATH": "1"}
    if quiet:
        environ.setdefault(STDERR_LEVEL, "WARNING")
    return RunPlan(daemons, (data or default_data_dir()).resolve(), config, port_offset, environ)


def _run(serve: Callable[[], Awaitable[None]], data: Path, *, quiet: bool) -> None:
    """Run until a signal. Leaves with 0 after one, EXIT_REFUSED for settings, else EXIT_FAILED."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with logging_to("server", data, stderr_level="WARNING" if quiet else "INFO"):
            asyncio.run(_until_signal(serve))
    except VmsError as failed:
        told.print(escape(explain(failed)), soft_wrap=True)
        raise typer.Exit(EXIT_REFUSED if isinstance(failed, SettingsError) else EXIT_FAILED) from None
    except OSError as failed:
        told.print(escape(f"Vedette cannot run on the data folder {data}: {failed}"), soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from None


async def _until_signal(serve: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.current_task()
    assert task is not None
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():  # a second Ctrl-C must not break off the sealing of files
            stopping.set()
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await serve()
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise


def _management(servers: RunningServers) -> tuple[str, Path, str]:
    """Return address, authority file and set-up code (empty: it is set up) of the management server."""
    told_by = servers.addresses()["management"]
    code = str(told_by.get("setup_code") or "") if told_by.get("first_start") else ""
    return servers.local_management(), Path(str(told_by["ca"])), code


async def _first_administrator(servers: RunningServers, password: str, *, quiet: bool) -> None:
    if "management" not in servers.addresses():
        return
    url, ca, code = _management(servers)
    if not code:
        return
    ask = not password and sys.stdin.isatty() and not quiet
    if password or ask:
        from server.runtime.asking import ask_password
        from server.runtime.first_steps import ADMINISTRATOR, create_administrator

        pem = ca.read_text(encoding="ascii")
        while True:
            chosen = await ask_password() if ask else password
            try:
                await asyncio.to_thread(create_administrator, url, pem, code, chosen)
                break
            except VmsError as refused:
                if not ask or refused.retryable:
                    raise
                told.print(escape(explain(refused)))  # too short, say: a person can choose another
        _forget_setup_code(servers)
        told.print(f"The administrator '{ADMINISTRATOR}' can sign in now.")
    else:
        told.print(
            f"First start. Set Vedette up with this one-time code: [bold]{escape(code)}[/bold]  at {escape(url)}"
        )


def _forget_setup_code(servers: RunningServers) -> None:
    servers.tell("management", {"first_start": False, "setup_code": None})


def _print_ready(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
