"""Files torn, flipped, lost, misplaced and foreign: checking finds it, repair keeps every good fragment."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from common.media.mp4.reader import read_init, scan_fragments
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.layout import INDEX, segments_on_disk
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.repair import repair_at_start
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.tools import check, rebuild
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.proof.recordings import Wanted, verify_recordings
from tests.support.media_samples import video_sample
from tests.support.soak import rounds

KEYS = tuple(TrackKey(DeviceId(f"00000000-0000-4000-8000-00000000000{n}"), PRIMARY) for n in (1, 2))
GOP = 5
SETTINGS = WriterSettings(
    segment_s=1, fragment_s=0.2, min_free_bytes=0, retain_minutes=10**9, cleaning_interval_s=3600, preallocate_bytes=0
)


@dataclass(frozen=True)
class Written:
    """A fragment as it was written: the file it is in, where, and what it holds."""

    file: str
    start: int
    end: int
    units: tuple[bytes, ...]


@cache
def sound_storage() -> tuple[Path, tuple[Written, ...]]:
    """A storage of two tracks with some segments each, made once, and every fragment in it."""
    root = Path(tempfile.mkdtemp(prefix="vedette-sound-"))
    config, units = video_sample(frames=80, gop=GOP)

    async def record() -> None:
        async with MediaDatabaseWriter(root, SystemClock(), SETTINGS, print) as writer:
            for key in KEYS:
                track = writer.track(key)
                track.configure(config)
                for unit in units:
                    track.write(unit)
                await track.close()

    asyncio.run(record())
    written = []
    for found in segments_on_disk(root):
        data = found.path.read_bytes()
        reader = MediaDatabaseReader(root)

        def read(offset: int, size: int, data: bytes = data) -> bytes:
            return data[offset : offset + size]

        init = read_init(read)
        for fragment in scan_fragments(read, init.size_bytes, len(data), finished=True).fragments:
            gop = reader.gop_at(found.key, fragment.utc_us)
            assert gop is not None
            held = tuple(unit.data for unit in gop.units)
            name = str(found.path.relative_to(root))
            written.append(Written(name, fragment.offset, fragment.end_offset, held))
        reader.close()
    return root, tuple(written)


def teardown_module() -> None:
    shutil.rmtree(sound_storage()[0])


@contextmanager
def copied() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vedette-damaged-") as folder:
        root = Path(folder) / "media"
        shutil.copytree(sound_storage()[0], root)
        yield root


@dataclass(frozen=True)
class Damage:
    """What happens to one file: `place` and `size` are taken as fractions of 1,000,000 of it."""

    what: str
    file: int
    place: int
    size: int


damages = st.lists(
    st.builds(
        Damage,
        st.sampled_from(
            ("cut", "flip", "zero", "remove", "insert", "append", "foreign", "misplaced", "index", "noise")
        ),
        st.integers(0, 100),
        st.integers(0, 999_999),
        st.integers(1, 999_999),
    ),
    min_size=1,
    max_size=4,
)


def inflict(root: Path, damage: Damage) -> tuple[str, int, int] | None:
    """Do it; return the file and the stretch of it whose fragments may be lost."""
    files = sorted({each.file for each in sound_storage()[1]})
    name = files[damage.file % len(files)]
    path = root / name
    if damage.what == "index":
        index = root / INDEX
        if damage.place % 2:
            index.unlink(missing_ok=True)
        elif index.exists():
            data = bytearray(index.read_bytes())
            at = damage.place * len(data) // 1_000_000
            data[at : at + 64] = b"\xaa" * len(data[at : at + 64])
            index.write_bytes(data)
        return None
    if damage.what == "foreign":
        foreign = path.with_name(f"{damage.size}.mp4" if damage.place % 2 else "notes.txt")
        foreign.write_bytes(b"this is not a recording" * (damage.size % 50))
        return None
    if not path.exists():
        return None
    if damage.what == "misplaced":
        shutil.copy(path, root / f"{damage.size}.mp4")
        return None
    data = bytearray(path.read_bytes())
    if not data:
        return None
    at = damage.place * len(data) // 1_000_000
    length = 1 + damage.size * (len(data) - at - 1) // 1_000_000
    match damage.what:
        case "cut":
            del data[at:]
            hit = (name, at, 1 << 62)
        case "flip":
            data[at] ^= 1 << damage.size % 8
            hit = (name, at, at + 1)
        case "zero":
            data[at : at + length] = bytes(length)
            hit = (name, at, at + length)
        case "remove":
            path.unlink()
            return name, 0, 1 << 62
        case "insert":  # everything behind is still whole, but no longer where it was
            data[at:at] = b"\x00prftmoof" * (damage.size % 20 + 1)
            hit = (name, at, 1 << 62)
        case "append":
            data += b"\x00\x00\x01\x00moof" * (damage.size % 20 + 1)
            hit = (name, len(data), len(data))
        case _:
            data[at : at + length] = bytes((damage.size + n) * 167 % 256 for n in range(length))
            hit = (name, at, at + length)
    path.write_bytes(data)
    return hit


def everything(root: Path) -> set[bytes]:
    """All that can be played. Neither order nor the end of it may ever go wrong."""
    reader = MediaDatabaseReader(root)
    found: set[bytes] = set()
    for key in KEYS:
        gop = reader.gop_after(key, UtcUs(0))
        while gop is not None:
            assert gop.start < gop.end
            found.update(unit.data for unit in gop.units)
            following = reader.gop_after(key, gop.start)
            assert following is None or following.start > gop.start
            gop = following
    reader.close()
    return found


def damaged_files(report: dict[str, object]) -> set[str]:
    found: tuple[str | dict[str, str], ...] = report["damaged"]  # type: ignore[assignment]
    return {each if isinstance(each, str) else each["path"] for each in found}


@given(damages)
@example([Damage("flip", 3, 262_825, 1)])  # the end of the file names a keyframe that its fragment denies
@example([Damage("index", 0, 491_640, 1)])  # what SQLite's own check does not find
@example([Damage("index", 0, 996_064, 1)])  # SQLite's complaint quotes bytes that are no UTF-8
@settings(max_examples=rounds(60, 10_000), deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
def test_repair_keeps_every_good_fragment(inflicted: list[Damage]) -> None:
    _, written = sound_storage()
    with copied() as root:
        hits = [hit for damage in inflicted if (hit := inflict(root, damage)) is not None]
        if {damage.what for damage in inflicted} & {"index"}:
            index = SegmentIndex(root, writable=True)
            repair_at_start(root, index)
            index.close()
        report = rebuild(root)
        playable = everything(root)
        for fragment in written:
            struck = any(
                name == fragment.file and (begin < 1500 or (begin < fragment.end and fragment.start < end))
                for name, begin, end in hits
            )
            if not struck:
                assert set(fragment.units) <= playable, (fragment.file, fragment.start, hits)
        assert playable <= {unit for fragment in written for unit in fragment.units} or any(
            damage.what in ("flip", "zero", "noise", "insert") for damage in inflicted
        )
        again = check(root)
        assert not again["index_faults"]
        assert not again["differing"]
        assert not again["missing"]
        assert damaged_files(report) <= damaged_files(again)  # a finished file is believed what its end says of it ...
        assert damaged_files(rebuild(root, thorough=True)) == damaged_files(again)  # ... unless all of it is read


@given(damages)
@settings(max_examples=rounds(60, 10_000), deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
def test_verify_names_every_damaged_fragment_and_no_other(inflicted: list[Damage]) -> None:
    """A fragment is good when its bytes are still in its file, behind those that were before it."""
    source, written = sound_storage()
    with copied() as root:
        for damage in inflicted:
            inflict(root, damage)
        report = verify_recordings([root], Wanted())
        blamed: dict[str, set[int]] = {}
        for finding in report["findings"]:
            first, last = finding["fragments"] or (0, -1)
            name = finding["path"].removeprefix(f"{root}/")
            blamed.setdefault(name, set()).update(range(first, last + 1))
        for name in {fragment.file for fragment in written}:
            original, path = (source / name).read_bytes(), root / name
            data = path.read_bytes() if path.exists() else b""
            fragments = [each for each in written if each.file == name]
            good = {number for number, each in enumerate(fragments, 1) if original[each.start : each.end] in data}
            assert not blamed.get(name, set()) & good, (name, report["findings"])
            bad = set(range(1, len(fragments) + 1)) - good
            if bad and all(damage.what != "index" for damage in inflicted):
                assert name in blamed, (name, bad, report)
                assert bad <= blamed[name] or not good, (name, bad, report["findings"])
