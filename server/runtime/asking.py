"""Asks a person at the terminal while the daemons run."""

import asyncio
import sys
import termios
import threading

import typer


async def ask_password() -> str:
    """Return a password typed twice. Cancelling (Ctrl-C) leaves at once, with the terminal as it was.

    A thread that waits for the terminal cannot be woken: it is a daemon, so that it does not hold up the end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def settle(text: str | None) -> None:
        if answer.done():
            return
        if text is None:
            answer.cancel()
        else:
            answer.set_result(text)

    def ask() -> None:
        try:
            text: str | None = typer.prompt(
                "Password for the first administrator", hide_input=True, confirmation_prompt=True, err=True
            )
        except typer.Abort:  # the end of the input
            text = None
        loop.call_soon_threadsafe(settle, text)

    before = termios.tcgetattr(sys.stdin)
    threading.Thread(target=ask, name="ask password", daemon=True).start()
    try:
        return await answer
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
