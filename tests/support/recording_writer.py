"""Records several tracks as fast as it can until it is killed: `python -m tests.support.recording_writer ROOT`.

Prints `queued N` now and then: N GOPs have been handed to the media database.
"""

import asyncio
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.seals import Signer
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.proof.signing import public_bytes

KEYS = [TrackKey(DeviceId(f"00000000-0000-4000-8000-00000000000{n}"), PRIMARY) for n in range(3)]
CONFIG = CodecConfig(Codec.MJPEG, 90_000, width_px=64, height_px=48)
START_US = 1_700_000_000_000_000
FRAMES = 25  # a fragment


def payload(track: int, number: int) -> bytes:
    """What unit `number` of a track holds: told apart by its first bytes."""
    return f"{track}:{number}:".encode().ljust(400, b"x")


async def record(root: Path) -> None:
    settings = WriterSettings(segment_s=20, sync_interval_s=0.5, min_free_bytes=0, retain_minutes=10**9)
    async with MediaDatabaseWriter(root, SystemClock(), settings, lambda event: print(event, flush=True)) as writer:
        key = Ed25519PrivateKey.generate()
        writer.set_signer(Signer(public_bytes(key), key.sign))
        tracks = [writer.track(key) for key in KEYS]
        for track in tracks:
            track.configure(CONFIG)
        for number in range(10**9):
            for index, track in enumerate(tracks):
                at = UtcUs(START_US + number * 40_000)
                track.write(AccessUnit(payload(index, number), number * 3600, number * 3600, at, True))
            if number % FRAMES == 0:
                print(f"queued {number // FRAMES}", flush=True)
                while writer.queued_bytes > 1_000_000:
                    await asyncio.sleep(0)
                await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1])))
