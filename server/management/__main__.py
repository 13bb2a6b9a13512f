"""The management daemon: `python -m server.management --data DIR [--config FILE] [--ready-fd N]`.

`--admin-password-file FILE` creates the user `admin` at first start; without it the ready line holds a one-time code.
"""

import argparse
import os
import sys
from pathlib import Path

from common.foundation.clock import SystemClock
from common.foundation.settings import load_settings
from server.management.app import management_server
from server.management.settings import ManagementSettings
from server.runtime.daemon import Daemon, run_daemon


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--admin-password-file", type=Path, default=None)
    ours, rest = parser.parse_known_args(sys.argv[1:])

    async def serve(started: Daemon) -> None:
        settings = load_settings(ManagementSettings, "management", started.config, os.environ)
        password_file: Path | None = ours.admin_password_file
        async with management_server(settings, started.data, SystemClock(), password_file) as running:
            started.ready(
                {
                    "https": running.https,
                    "ca": str(running.ca),
                    "first_start": running.first_start,
                    "setup_code": running.setup_code,
                    "standby": running.standby,
                }
            )
            await started.stopped()

    run_daemon("management", serve, rest)


if __name__ == "__main__":
    main()
