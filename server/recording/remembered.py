"""What the gateway remembers over a restart: who is recorded by hand, and which devices it had: `remembered.json`.

The devices that were removed since are named here, because their recordings outlive them and an administrator may want
to see them. Nothing here is secret. A file that cannot be read costs only this, and is reported.
"""

import asyncio
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from common.api.recorder_configuration import RecordedHardware
from common.foundation.ids import DeviceId

log = logging.getLogger(__name__)

REMEMBERED = "remembered.json"
_MOST_DEVICES = 20_000
_MOST_BYTES = 8 << 20


class RememberedDevice(BaseModel):
    """A device whose recordings this recorder may have."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["video", "audio", "metadata"]
    name: str


class _Remembered(BaseModel):
    """The file."""

    by_hand: frozenset[DeviceId] = frozenset()
    devices: dict[DeviceId, RememberedDevice] = {}


class Remembered:
    """`devices`: all that were ever configured, the newest last. Use on one event loop."""

    def __init__(self, data: Path) -> None:
        self._path = data / REMEMBERED
        self._saved = ""
        self._writing = asyncio.Lock()
        found = self._load()
        self.by_hand: set[DeviceId] = set(found.by_hand)
        self.devices: dict[DeviceId, RememberedDevice] = found.devices

    def _load(self) -> _Remembered:
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is too large")
            return _Remembered.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Remembered()
        except (OSError, ValidationError, ValueError) as error:
            log.error(
                "recordings by hand and removed devices not known",
                extra={"path": str(self._path), "reason": str(error).partition("\n")[0]},
            )
            return _Remembered()

    def configured(self, hardware: Iterable[RecordedHardware]) -> None:
        """These devices are there now: remember them, and forget recording by hand of any other."""
        present: set[DeviceId] = set()
        for item in hardware:
            self._note(item.camera.id, RememberedDevice(kind="video", name=item.camera.name))
            present.add(item.camera.id)
            if item.microphone is not None:
                self._note(item.microphone.id, RememberedDevice(kind="audio", name=item.microphone.name))
                present.add(item.microphone.id)
            if item.metadata is not None:
                self._note(item.metadata.id, RememberedDevice(kind="metadata", name=item.metadata.name))
                present.add(item.metadata.id)
        self.by_hand &= present
        too_many = max(0, len(self.devices) - _MOST_DEVICES)
        for removed in [device for device in self.devices if device not in present][:too_many]:
            del self.devices[removed]

    def _note(self, device: DeviceId, known: RememberedDevice) -> None:
        if self.devices.get(device) != known:
            self.devices.pop(device, None)
            self.devices[device] = known

    async def save(self) -> None:
        """Write the file when something changed. A disk that does not take it is reported; recording goes on."""
        text = _Remembered(by_hand=frozenset(self.by_hand), devices=self.devices).model_dump_json(indent=1)
        async with self._writing:
            if text == self._saved:
                return
            try:
                await asyncio.to_thread(self._write, text)
            except OSError as failed:
                log.error("not remembered", extra={"path": str(self._path), "reason": failed.strerror or str(failed)})
                return
            self._saved = text

    def _write(self, text: str) -> None:
        made = self._path.with_suffix(".new")
        with made.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        made.replace(self._path)
