"""How much of what should be recorded is recorded: `python -m server.recording.ledger.report DATA RECORDINGS`.

`coverage_report` is what the command line and the REST API show: plain values that JSON can hold.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from common.foundation.catalog import explain
from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from server.recording.ledger.proof import DayCoverage, RecordingProof
from server.recording.mediadb.contract import Span
from server.recording.mediadb.reader import MediaDatabaseReader


def coverage_report(
    proof: RecordingProof, devices: Sequence[DeviceId], span: Span, zone: tzinfo
) -> dict[str, list[dict[str, object]]]:
    """For each device the local days that meet `span`, oldest first. Blocking; raises StorageError."""
    return {device: [_shown(day) for day in days] for device, days in proof.report(devices, span, zone).items()}


def _shown(day: DayCoverage) -> dict[str, object]:
    percent = day.percent
    return {
        "day": day.day.isoformat(),
        "percent": None if percent is None else round(percent, 4),
        "expected_s": round(day.expected_us / US_PER_S, 3),
        "recorded_s": round(day.recorded_us / US_PER_S, 3),
        "missing_s": {reason.value: round(us / US_PER_S, 3) for reason, us in sorted(day.missing_us.items())},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; 0 when it could be made, 2 when not."""
    parser = argparse.ArgumentParser(prog="python -m server.recording.ledger.report", description=__doc__)
    parser.add_argument("data", type=Path, help="the recorder's data folder, which holds the ledger")
    parser.add_argument("recordings", type=Path, help="folder of the recordings")
    parser.add_argument("--days", type=int, default=7, help="how many days back (7)")
    parser.add_argument("--zone", default="", help="time zone of the days, as Europe/Berlin; default: this machine's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    try:
        zone = ZoneInfo(given.zone) if given.zone else datetime.now(UTC).astimezone().tzinfo or UTC
    except (ZoneInfoNotFoundError, ValueError):
        parser.error(f"there is no time zone '{given.zone}'")
    clock = SystemClock()
    now = clock.now_us()
    span = Span(UtcUs(now - max(0, given.days - 1) * 86_400 * US_PER_S), now)
    try:
        with (
            closing(MediaDatabaseReader(given.recordings)) as reader,
            closing(RecordingProof(given.data, reader, clock.now_us)) as proof,
        ):
            report = coverage_report(proof, proof.devices(), span, zone)
    except StorageError as error:
        print(json.dumps({"ok": False, "error": explain(error)}) if given.json else explain(error))  # noqa: T201
        return 2
    print(json.dumps({"ok": True, "devices": report}) if given.json else _table(report))  # noqa: T201 - a command
    return 0


def _table(report: dict[str, list[dict[str, object]]]) -> str:
    lines = []
    for device, days in report.items():
        lines.append(device)
        for day in days:
            percent = "nothing expected" if day["percent"] is None else f"{day['percent']} %"
            lines.append(f"  {day['day']}  {percent:>16}  missing (s): {day['missing_s'] or 'nothing'}")
    return "\n".join(lines) or "The ledger knows no device."


if __name__ == "__main__":
    sys.exit(main())
