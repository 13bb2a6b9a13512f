"""Starting a process so that it is never lost: cancelled meanwhile, the start is finished and the process ended."""

import asyncio
import contextlib
import sys
from collections.abc import Sequence


async def start_module(arguments: Sequence[str], most_line_bytes: int) -> asyncio.subprocess.Process:
    """Run `python -m arguments...` with pipes for input and output, in a session of its own. Raises OSError.

    A session of its own: Ctrl-C is for the gateway, which then stops its processes in order.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=most_line_bytes,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await end(await starting)
        raise


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill the process, unless it has ended, and wait for its end."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
