"""Daemons that do nothing but live as daemons do, for tests of what runs them."""

import asyncio
import os
import socket
from pathlib import Path

from server.runtime.daemon import Daemon


async def live(started: Daemon, key: str) -> None:
    """Listen on any free port, answer, and on the way out leave a file that tells it was an end in good order."""
    refusal = started.data / f"{started.name}.refuse"
    if refusal.exists():
        os._exit(int(refusal.read_text()))
    port = int(os.environ.get(f"VEDETTE_{started.name.upper()}__{key.upper()}_PORT", "0"))
    with socket.create_server(("127.0.0.1", port)) as listener:
        note(started.data / f"{started.name}.environ", "\n".join(f"{k}={v}" for k, v in os.environ.items()))
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        started.ready({key: url, "pid": os.getpid(), "ca": str(started.data / "ca.pem")})
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)  # as if sealing files
            note(started.data / f"{started.name}.sealed", str(os.getpid()))


def note(file: Path, text: str) -> None:
    file.write_text(text)
