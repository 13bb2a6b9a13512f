"""What seals and encryption cost: the media database's own writer records the same pictures with and without them.

In one process, with CPU time and not wall time, so that neither cameras nor disk nor other work on the machine count:
`seal_cost` is what signed seals add in per cent of a core a camera of 4 Mbit/s, `encryption_cost` what encrypting
every picture adds beside seals without signatures. Runs alternate, and the median counts.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.protecting import Protector
from server.recording.mediadb.seals import Signer
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.proof.signing import public_bytes

FPS, GOP, BITRATE_BPS = 25, 50, 4_000_000
CAMERAS, SECONDS, ROUNDS = 20, 20, 5
_START_US = 1_700_000_000_000_000
_MOST_QUEUED_BYTES = 32 << 20


def pictures() -> list[bytes]:
    """The pictures of some GOPs: a keyframe is ten times as large as the others. Random, as compressed pictures are."""
    small = BITRATE_BPS // 8 * GOP // FPS // (GOP + 9)
    return [os.urandom(small * 10 if number % GOP == 0 else small) for number in range(4 * GOP)]


@dataclass(frozen=True, slots=True)
class Way:
    """How recordings are protected."""

    signer: Signer | None = None
    seals: bool = True
    protector: Protector | None = None


async def recorded_cpu_s(root: Path, data: list[bytes], way: Way) -> float:
    """CPU seconds of this process for recording so many cameras for so many seconds."""
    settings = replace(
        WriterSettings(min_free_bytes=0, cleaning_interval_s=3600, retain_minutes=10**9), seals=way.seals
    )
    config = CodecConfig(Codec.H264, 90_000, bytes.fromhex("0164002affe100046764002a01000268ee"), 1920, 1080)
    async with MediaDatabaseWriter(root, SystemClock(), settings, lambda event: None) as writer:
        writer.set_signer(way.signer)
        writer.set_protector(way.protector)
        tracks = [
            writer.track(TrackKey(DeviceId(f"00000000-0000-4000-8000-{n:012d}"), PRIMARY)) for n in range(CAMERAS)
        ]
        for track in tracks:
            track.configure(config)
        began_s = time.process_time()
        for number in range(SECONDS * FPS):
            at, ticks = UtcUs(_START_US + number * 1_000_000 // FPS), number * 90_000 // FPS
            unit = AccessUnit(data[number % len(data)], ticks, ticks, at, number % GOP == 0)
            for track in tracks:
                track.write(unit)
            while writer.queued_bytes > _MOST_QUEUED_BYTES:
                await asyncio.sleep(0.002)
        for track in tracks:
            await track.close()
        return time.process_time() - began_s


async def protection_costs() -> dict[str, float]:
    """Per cent of a core a camera: what seals cost with and without a signature, and what encryption costs."""
    key, data = Ed25519PrivateKey.generate(), pictures()
    signer = Signer(public_bytes(key), key.sign)
    ways = {
        "without": Way(seals=False),
        "hashed": Way(),
        "signed": Way(signer),
        "encrypted": Way(protector=Protector("key", "Strong", os.urandom(32))),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
                took[name].append(await recorded_cpu_s(Path(folder), data, way))

    def cost(name: str, without: str = "without") -> float:
        differences = [one - other for one, other in zip(took[name], took[without], strict=True)]
        return round(statistics.median(differences) * 100 / (CAMERAS * SECONDS), 4)

    bare = statistics.median(took["without"]) * 100 / (CAMERAS * SECONDS)
    return {
        "seal_cost": cost("signed"),
        "seal_hash_cost": cost("hashed"),
        "encryption_cost": cost("encrypted", "hashed"),
        "writing_unsealed_cost": round(bare, 4),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(protection_costs())))
