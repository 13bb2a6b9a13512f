"""An export from the command line: in this process, into a folder that the user names."""

import getpass
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from common.api.exporting import ExportItem, ExportRequest, ExportSpan
from common.foundation.clock import SystemClock, UtcUs, iso_utc
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from server.recording.exporting.errors import ExportRefused, NoRoom
from server.recording.exporting.jobs import shown_bytes
from server.recording.exporting.maker import estimate, make
from server.recording.exporting.package import Origin
from server.recording.exporting.product import product_name
from server.recording.exporting.sources import opened_reasons, opened_recordings
from server.recording.exporting.work import Work
from server.recording.proof.signing import KEY_FILE, public_keys, signing_key


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What to export, from which storage, where to. `more`: further fields of ExportRequest, not yet checked."""

    root: Path
    output: Path
    data: Path
    devices: tuple[str, ...]
    microphone: str | None
    track: str
    start_us: int
    end_us: int
    more: Mapping[str, object]


class _Bytes:
    """Adds up what is done."""

    def __init__(self, total_bytes: int, told: Callable[[int, int], None]) -> None:
        self._total = total_bytes
        self._told = told
        self._done = 0

    def step(self, done_bytes: int) -> None:
        self._done += done_bytes
        if done_bytes:
            self._told(self._done, self._total)


def export_folder(order: ExportOrder, told: Callable[[int, int], None]) -> dict[str, object]:
    """Export; return what was made. `ok` is false when something that was asked for is not recorded.

    Raises ExportRefused, NoRoom, StorageError and what making a result raises.
    """
    request = _request(order)
    try:
        order.output.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(order.output)
    except OSError as failed:
        raise StorageError(failed.strerror or str(failed), path=str(order.output)) from failed
    user = getpass.getuser()
    with opened_recordings(order.data, order.root) as reader, opened_reasons(order.data, reader) as reasons:
        found = estimate(reader, request, disk.f_bavail * disk.f_frsize)
        if found.needed_bytes > found.free_bytes:
            needed, free = shown_bytes(found.needed_bytes), shown_bytes(found.free_bytes)
            raise NoRoom("it does not fit", needed=needed, free=free, path=str(order.output))
        key = _key(order.data) if request.format == "package" else Ed25519PrivateKey.generate()  # not used
        now = SystemClock().now_us()
        origin = Origin("", socket.gethostname(), product_name(), user, user, now, key, tuple(public_keys(order.data)))
        work = Work(reader, request, order.output, _Bytes(found.media_bytes, told))
        make(work, origin, reasons)
    gaps = [
        {
            "device": gap.device,
            "from": iso_utc(UtcUs(gap.start_us)),
            "to": iso_utc(UtcUs(gap.end_us)),
            "reason": gap.reason,
        }
        for gap in work.gaps
    ]
    files = [file.model_dump() for file in work.files]
    return {"ok": not gaps, "files": files, "gaps": gaps, "notes": work.notes}


def _request(order: ExportOrder) -> ExportRequest:
    try:
        span = ExportSpan(start_us=order.start_us, end_us=order.end_us)
        items = [
            ExportItem.model_validate(
                {
                    "device": DeviceId(device),
                    "track": order.track,
                    "microphone": order.microphone if number == 0 else None,
                    "spans": [span],
                }
            )
            for number, device in enumerate(order.devices)
        ]
        return ExportRequest.model_validate({"items": items, **order.more})
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        raise ExportRefused(f"{'.'.join(map(str, first['loc'])) or 'the time'}: {first['msg']}") from None


def _key(data: Path) -> Ed25519PrivateKey:
    """The recorder's own key: a package signed by a key that nobody knows would prove nothing."""
    folder = data / "recording" / "identity"
    if not folder.is_dir():
        raise ExportRefused(
            f"a package is signed with the recorder's key ({KEY_FILE}), and {data} is no recorder's data folder;"
            " name it with --data"
        )
    return signing_key(data)
