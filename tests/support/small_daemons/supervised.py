"""`python -m tests.support.small_daemons.supervised DATA`: the supervisor with small daemons, to be killed."""

import asyncio
import os
import sys
from pathlib import Path

from common.foundation.clock import SystemClock
from server.runtime.supervisor import RunPlan, running_servers


async def main() -> None:
    plan = RunPlan(
        ("management", "recording"), Path(sys.argv[1]), None, 0, dict(os.environ), package="tests.support.small_daemons"
    )
    async with running_servers(plan, SystemClock()) as servers:
        print(servers.ready_line({}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
