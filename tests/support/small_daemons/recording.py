"""`python -m tests.support.small_daemons.recording`."""

from functools import partial

from server.runtime.daemon import run_daemon
from tests.support.small_daemons import live

if __name__ == "__main__":
    run_daemon("recording", partial(live, key="media"))
