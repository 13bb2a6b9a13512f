"""How the background jobs stand: `python -m server.recording.archiving.status DATA [--json]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from common.foundation.catalog import explain
from common.foundation.clock import UtcUs, iso_utc
from common.foundation.errors import StorageError
from server.recording.archiving.job_store import JobRecord, read_jobs
from server.recording.archiving.jobs import JobStatus


def shown(status: JobStatus) -> dict[str, object]:
    """A job's status as it goes over the wire; times are whole microseconds UTC."""
    fields: dict[str, object] = asdict(status.record)
    del fields["cursor"]
    return fields | {"eta_s": None if status.eta_s is None else round(status.eta_s, 1)}


def _line(job: JobRecord) -> str:
    share = f"{100 * job.done_bytes // job.total_bytes:3d} %" if job.total_bytes else "    -"
    last = "never" if job.finished_us is None else iso_utc(UtcUs(job.finished_us))
    text = f"{job.kind:10} {job.stage:24} {job.state:10} {share}  {job.done_bytes >> 20} of {job.total_bytes >> 20} MiB"
    return f"{text}  last {last}" + (f"  {job.error}" if job.error else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the jobs of a recorder and the damaged segments it knows; 1 when something needs a look, 2 when it could
    not be read."""
    parser = argparse.ArgumentParser(prog="python -m server.recording.archiving.status", description=__doc__)
    parser.add_argument("data", type=Path, help="the recorder's data folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    try:
        jobs, damaged = read_jobs(given.data)
    except StorageError as error:
        print(json.dumps({"ok": False, "error": explain(error)}) if given.json else explain(error))  # noqa: T201
        return 2
    ok = not damaged and not any(job.error for job in jobs)
    if given.json:
        found = {"ok": ok, "jobs": [shown(JobStatus(job, None)) for job in jobs], "damaged": [*map(asdict, damaged)]}
        print(json.dumps(found))  # noqa: T201 - this is a command
    else:
        for job in jobs:
            print(_line(job))  # noqa: T201 - this is a command
        for segment in damaged:
            print(f"damaged: {segment.path}: {segment.reason}")  # noqa: T201 - this is a command
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
