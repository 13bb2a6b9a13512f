"""`vedette server|smartclient|mgmtclient|demo`: one name for all programs. It starts them and imports none of them."""

import os
import sys
from collections.abc import Sequence

PROGRAMS = {
    "server": "server",
    "smartclient": "smartclient.app.main",
    "mgmtclient": "mgmtclient.app.main",
    "demo": "server.runtime.demo",
}

USAGE = """Usage: vedette PROGRAM [OPTIONS]

  server       the servers (same as vedette-server)
  smartclient  live pictures and recordings (same as vedette-smartclient)
  mgmtclient   configuration (same as vedette-mgmtclient)
  demo         servers with four simulated cameras, and the Smart Client; --headless: without the client
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Become the program named; `vedette` itself is gone then, so signals and exit codes are the program's."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        sys.exit(0 if given else 2)
    module = PROGRAMS.get(given[0])
    if module is None:
        sys.stderr.write(f"There is no program '{given[0]}'.\n\n{USAGE}")
        sys.exit(2)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *given[1:]])  # noqa: S606 - one of PROGRAMS


if __name__ == "__main__":
    main()
