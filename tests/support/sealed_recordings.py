"""Small sealed recordings, written by the real media database, for tests that change them."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from common.media.mp4.reader import Fragment, read_init, scan_fragments
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.files import LocalFile
from server.recording.mediadb.layout import segments_on_disk
from server.recording.mediadb.seals import Signer
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.proof.signing import public_bytes

CAMERAS = [TrackKey(DeviceId(f"00000000-0000-4000-8000-0000000000e{n}"), PRIMARY) for n in range(2)]
CONFIG = CodecConfig(Codec.MJPEG, 90_000, width_px=64, height_px=48)
START_US = 1_700_000_000_000_000
FRAME_US, FRAMES_A_FRAGMENT = 100_000, 3
SETTINGS = WriterSettings(
    segment_s=3, fragment_s=0.3, min_free_bytes=0, retain_minutes=10**9, preallocate_bytes=0, cleaning_interval_s=3600
)


def signer_of(key: Ed25519PrivateKey) -> Signer:
    return Signer(public_bytes(key), key.sign)


async def write(
    root: Path, keys: list[TrackKey], frames: range, signer: Signer | None, settings: WriterSettings = SETTINGS
) -> None:
    """Record pictures of 10 a second from START_US on, each with bytes of its own."""
    async with MediaDatabaseWriter(root, SystemClock(), settings, lambda event: None) as database:
        database.set_signer(signer)
        for key in keys:
            track = database.track(key)
            track.configure(CONFIG)
            for number in frames:
                data = f"{key.device}:{number}:".encode().ljust(80, b"p")
                at = UtcUs(START_US + number * FRAME_US)
                track.write(AccessUnit(data, number * 9000, number * 9000, at, True))
            await track.close()


def record(
    root: Path,
    frames: range = range(90),
    signer: Signer | None = None,
    keys: list[TrackKey] = CAMERAS,
    *,
    seals: bool = True,
) -> None:
    asyncio.run(write(root, keys, frames, signer, replace(SETTINGS, seals=seals)))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A segment's file as it was written."""

    path: Path
    data: bytes = field(repr=False)
    head_bytes: int
    fragments: tuple[Fragment, ...] = field(repr=False)

    @property
    def end(self) -> int:
        """Where its last fragment ends."""
        return self.fragments[-1].end_offset

    def of(self, number: int) -> bytes:
        """The bytes of a fragment, counted from 1."""
        found = self.fragments[number - 1]
        return self.data[found.offset : found.end_offset]

    def rebuilt(self, parts: list[bytes], *, tail: bool = True) -> bytes:
        """The file with other fragments."""
        return self.data[: self.head_bytes] + b"".join(parts) + (self.data[self.end :] if tail else b"")

    @property
    def parts(self) -> list[bytes]:
        return [self.of(number + 1) for number in range(len(self.fragments))]


def recorded(root: Path, key: TrackKey) -> list[Recorded]:
    """The files of a track, oldest first."""
    found = []
    for segment in segments_on_disk(root):
        if segment.key != key:
            continue
        with LocalFile(segment.path) as file:
            head = read_init(file.read).size_bytes
            scan = scan_fragments(file.read, head, file.size_bytes(), finished=True)
        found.append(Recorded(segment.path, segment.path.read_bytes(), head, tuple(scan.fragments)))
    return found
