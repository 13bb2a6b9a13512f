"""What a decoder process asks of the system: the quicker event loop where there is one, and to die with the GUI."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Coroutine

_PR_SET_PDEATHSIG = 1  # prctl(2)
_NICER = 1  # than the GUI, which must answer hands also when decoders take all there is


def die_with_parent() -> None:
    """Be killed when the GUI process is, also while libav hangs and nobody reads the socket."""
    with contextlib.suppress(OSError):
        os.nice(_NICER)
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was quicker
        os.kill(os.getpid(), signal.SIGKILL)


def run(work: Coroutine[object, object, None]) -> None:
    """Run until `work` ends."""
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop  # not to be had on Windows

    uvloop.run(work)
