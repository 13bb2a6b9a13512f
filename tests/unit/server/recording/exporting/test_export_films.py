"""Films in every format: what is in them, when it is shown, and that players play them without a complaint."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.api.exporting import ExportItem, ExportRequest, ExportSpan
from common.foundation.clock import UtcUs
from common.media.access_unit import Codec
from common.media.picture_stamp import read_stamp
from server.recording.exporting.copying import PART
from server.recording.exporting.maker import estimate, make
from server.recording.exporting.package import Origin
from server.recording.exporting.work import NoProgress, Work
from server.recording.mediadb.contract import Gop, MediaReader, Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.proof.signing import signing_key
from tests.support.recorded_films import CAMERA, MICROPHONE, SOUND_KEY, T0, VIDEO_KEY, record, sound, stamped, without

VARIANTS = [(Codec.H264, 0), (Codec.H264, 2), (Codec.H265, 0), (Codec.H265, 2), (Codec.MJPEG, 0)]


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[Codec, int], MediaDatabaseReader]]:
    found = {}
    for codec, b_frames in VARIANTS:
        root = tmp_path_factory.mktemp(f"{codec}{b_frames}")
        config, units = stamped(codec, 200, 50, b_frames)
        record(root, (VIDEO_KEY, config, units), (SOUND_KEY, *sound(8.0)))
        found[codec, b_frames] = MediaDatabaseReader(root)
    yield found
    for reader in found.values():
        reader.close()


class ThroughReader:
    """The same recordings, but not as places in files."""

    def __init__(self, reader: MediaReader) -> None:
        self.sequences, self.coverage = reader.sequences, reader.coverage
        self.gop_at, self.gop_after, self.gop_before = reader.gop_at, reader.gop_after, reader.gop_before


def request_of(start_us: int, end_us: int, **more: object) -> ExportRequest:
    item = ExportItem(
        device=CAMERA,
        microphone=MICROPHONE,
        name="Door",
        spans=(ExportSpan(start_us=T0 + start_us, end_us=T0 + end_us),),
    )
    return ExportRequest.model_validate({"items": (item,), **more})


def export(reader: MediaReader, request: ExportRequest, folder: Path) -> Work:
    work = Work(reader, request, folder / "result", NoProgress())
    make(work, Origin("r", "Recorder", "Vedette", "anna", "u1", T0, signing_key(folder)))
    assert not list(folder.rglob(f"*{PART}"))
    return work


def shown(path: Path) -> list[tuple[float, float]]:
    """Of each picture when it is shown, and the time in it, in seconds from T0."""
    with av.open(str(path)) as file:
        found = []
        for frame in file.decode(video=0):
            stamp = read_stamp(frame.to_ndarray(format="gray"))
            assert stamp is not None
            found.append((float(frame.time), (stamp - T0) / 1e6))
        return found


def complaints(path: Path) -> str:
    """What ffmpeg has to say about a file that it decodes whole."""
    command = ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def film(folder: Path, suffix: str) -> Path:
    (found,) = (folder / "result").glob(f"*.{suffix}")
    return found


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_whole_gops(databases, tmp_path: Path, variant: tuple[Codec, int], suffix: str) -> None:
    work = export(databases[variant], request_of(3_000_000, 5_100_000, format=suffix), tmp_path)
    path = film(tmp_path, suffix)
    pictures = shown(path)
    first = 2.0 if variant[0] is not Codec.MJPEG else 3.0
    assert complaints(path) == ""
    assert pictures[0] == (0.0, first)
    assert pictures[-1][1] == pytest.approx(5.96, abs=0.001)
    assert all(at == pytest.approx(stamp - first, abs=0.0011) for at, stamp in pictures)
    assert work.files[0].sha256
    assert work.gaps == []
    assert work.notes == []


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_exact_to_the_picture(databases, tmp_path: Path, variant: tuple[Codec, int], suffix: str) -> None:
    work = export(databases[variant], request_of(1_110_000, 5_050_000, format=suffix, cut="frame"), tmp_path)
    path = film(tmp_path, suffix)
    pictures = shown(path)
    assert complaints(path) == ""
    assert len(pictures) == 99
    assert pictures[0] == (0.0, 1.12)
    assert pictures[-1][1] == 5.04
    assert all(at == pytest.approx(stamp - 1.12, abs=0.0011) for at, stamp in pictures)
    assert work.notes == []
    if suffix != "avi":
        with av.open(str(path)) as file:
            (heard,) = file.streams.audio
            assert float(heard.start_time * heard.time_base) == pytest.approx(0, abs=0.022)


def test_untouched_bytes_between_the_edges(databases, tmp_path: Path) -> None:
    """Only the pictures at the edges are coded anew: all others are those of the camera, bit for bit."""
    _, units = stamped(Codec.H264, 200, 50, 2)
    export(databases[Codec.H264, 2], request_of(1_110_000, 5_050_000, cut="frame"), tmp_path)
    with av.open(str(film(tmp_path, "mp4"))) as file:
        found = {bytes(packet) for packet in file.demux(video=0)}
    middle = [unit.data for unit in units if 2_000_000 <= unit.utc_us - T0 < 4_000_000]
    assert len(middle) == 50
    assert set(middle) <= found


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_recordings_that_are_no_plain_files(databases, tmp_path: Path, variant: tuple[Codec, int]) -> None:
    export(ThroughReader(databases[variant]), request_of(3_000_000, 5_100_000), tmp_path)
    path = film(tmp_path, "mp4")
    assert complaints(path) == ""
    pictures = shown(path)
    assert pictures[0][0] == 0.0
    assert all(at == pytest.approx(stamp - pictures[0][1], abs=0.0011) for at, stamp in pictures)


def test_metadata_of_the_film(databases, tmp_path: Path) -> None:
    export(databases[Codec.H264, 2], request_of(0, 8_000_000), tmp_path)
    path = film(tmp_path, "mp4")
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    video, audio = said["streams"]
    assert (video["codec_name"], video["nb_frames"], float(video["duration"])) == ("h264", "200", 8.0)
    assert video["start_time"] == "0.000000"
    assert audio["codec_name"] == "aac"
    assert said["format"]["tags"]["creation_time"] == "2023-11-14T22:13:20.000000Z"
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it plays while it is being downloaded


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize(("gaps", "behind"), [("keep", 6.0), ("cut", 2.0)])
def test_gaps(tmp_path: Path, suffix: str, gaps: str, behind: float) -> None:
    config, units = stamped(Codec.H264, 250, 50)
    holed = without(units, T0 + 2_000_000, T0 + 6_000_000)
    heard = without(sound(10.0)[1], T0 + 2_000_000, T0 + 6_000_000)
    record(tmp_path, (VIDEO_KEY, config, holed), (SOUND_KEY, sound()[0], heard))
    reader = MediaDatabaseReader(tmp_path)
    work = export(reader, request_of(0, 10_000_000, format=suffix, gaps=gaps), tmp_path)
    pictures = [found for found in shown(film(tmp_path, suffix)) if found[1] >= 6.0]
    assert pictures[0] == pytest.approx((behind, 6.0), abs=0.041)
    assert pictures[-1][0] - pictures[0][0] == pytest.approx(3.96, abs=0.01)
    (gap,) = work.gaps
    assert (gap.start_us - T0, gap.end_us - T0) == pytest.approx((2_000_000, 6_000_000), abs=41_000)
    reader.close()


def test_a_film_for_each_configuration(tmp_path: Path) -> None:
    small, large = stamped(Codec.H264, 100, 50), stamped(Codec.H264, 100, 50, width_px=640)
    later = [
        replace(unit, utc_us=UtcUs(unit.utc_us + 4_000_000), pts=unit.pts + 360_000, dts=unit.dts + 360_000)
        for unit in large[1]
    ]
    record(tmp_path, (VIDEO_KEY, *small), (VIDEO_KEY, large[0], later), (SOUND_KEY, *sound(8.0)))
    reader = MediaDatabaseReader(tmp_path)
    for suffix in ("mp4", "mkv"):
        work = export(reader, request_of(0, 8_000_000, format=suffix), tmp_path)
        films = [tmp_path / "result" / file.name for file in work.files if file.name.endswith(suffix)]
        assert [complaints(path) for path in films] == ["", ""]
        assert [len(shown(path)) for path in films] == [100, 100]
    reader.close()


@pytest.mark.parametrize(("kind", "suffix"), [("jpeg", "jpg"), ("png", "png")])
def test_stills(databases, tmp_path: Path, kind: str, suffix: str) -> None:
    work = export(databases[Codec.H264, 2], request_of(1_500_000, 4_500_000, format=kind, every_s=1.0), tmp_path)
    found = sorted((tmp_path / "result").rglob(f"*.{suffix}"))
    stamps = []
    for path in found:
        with av.open(str(path)) as file:
            stamps.append((read_stamp(next(file.decode(video=0)).to_ndarray(format="gray")) - T0) / 1e6)
    assert stamps == [1.52, 2.52, 3.52]
    assert [file.start_us - T0 for file in work.files[:3]] == [1_520_000, 2_520_000, 3_520_000]


def test_sound_alone(databases, tmp_path: Path) -> None:
    item = ExportItem(device=MICROPHONE, name="Mic", spans=(ExportSpan(start_us=T0, end_us=T0 + 4_000_000),))
    for suffix in ("mp4", "mkv", "avi"):
        work = export(databases[Codec.H264, 0], ExportRequest(items=(item,), format=suffix), tmp_path)
        path = tmp_path / "result" / work.files[0].name
        assert complaints(path) == ""
        with av.open(str(path)) as file:
            assert sum(frame.samples for frame in file.decode(audio=0)) / 48_000 == pytest.approx(4, abs=1.1)


def test_a_camera_whose_edges_cannot_be_coded(databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All 32 parameter set numbers are taken: the film hides what is too much, and the result says so."""
    monkeypatch.setattr("server.recording.exporting.edges.free_set_numbers", lambda config: [])
    work = export(databases[Codec.H264, 2], request_of(1_110_000, 5_050_000, cut="frame"), tmp_path)
    assert any("edit list" in note for note in work.notes)
    path = film(tmp_path, "mp4")
    assert complaints(path) == ""
    pictures = shown(path)
    assert pictures[0][1] == pytest.approx(1.12, abs=0.041)
    assert pictures[-1][1] == 5.04


def test_damaged_recordings_leave_a_gap_in_the_film(tmp_path: Path) -> None:
    config, units = stamped(Codec.H264, 200, 50)
    record(tmp_path, (VIDEO_KEY, config, units))
    reader = MediaDatabaseReader(tmp_path)
    extents = reader.extents(VIDEO_KEY, Span(T0, UtcUs(T0 + 8_000_000)))
    place = extents[0].fragments[2]  # begins the second GOP
    with extents[0].path.open("r+b") as file:
        file.seek(place.offset)
        file.seek(place.offset + file.read(4096).index(b"moof") + 8)
        file.write(bytes(60))
    export(reader, request_of(0, 8_000_000), tmp_path)
    pictures = shown(film(tmp_path, "mp4"))
    assert complaints(film(tmp_path, "mp4")) == ""
    assert len(pictures) == 150
    assert all(at == pytest.approx(stamp, abs=0.001) for at, stamp in pictures)
    reader.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.integers(0, 7_900),
    length=st.integers(1, 8_000),
    exact=st.booleans(),
    direct=st.booleans(),
    b_frames=st.sampled_from([0, 2]),
)
def test_any_span(
    databases, tmp_path_factory, start: int, length: int, exact: bool, direct: bool, b_frames: int
) -> None:
    """Every picture of the span is in the film, at its time; an exact film holds no other."""
    folder = tmp_path_factory.mktemp("span")
    reader = databases[Codec.H264, b_frames]
    end = min(8_000, start + length)
    request = request_of(start * 1000, end * 1000, cut="frame" if exact else "gop", verify=False)
    expected = [number * 0.04 for number in range(200) if start <= number * 40 < end]
    export(reader if direct else ThroughReader(reader), request, folder)
    films = list((folder / "result").glob("*.mp4"))
    pictures = shown(films[0]) if films else []
    stamps = [stamp for _, stamp in pictures]
    if exact:
        assert stamps == pytest.approx(expected)
    else:
        assert {round(at * 25) for at in expected} <= {round(at * 25) for at in stamps}
        assert len(stamps) % 50 == 0
    assert all(at == pytest.approx(stamp - stamps[0], abs=0.0011) for at, stamp in pictures)


def test_estimates(databases) -> None:
    reader = databases[Codec.H264, 0]
    whole = estimate(reader, request_of(0, 8_000_000), 0)
    assert whole.media_bytes > 100_000
    assert estimate(reader, request_of(0, 2_000_000), 0).media_bytes < whole.media_bytes
    through = estimate(ThroughReader(reader), request_of(0, 8_000_000), 0)
    assert whole.media_bytes / 2 < through.media_bytes < whole.media_bytes * 3


def test_an_archive_of_fifty_gigabytes_is_estimated_without_reading_it() -> None:
    class Large(ThroughReader):
        def __init__(self) -> None:
            self.reads = 0

        def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> list[Span]:
            return [span]

        def gop_at(self, key: TrackKey, at: UtcUs) -> Gop:
            self.reads += 1
            config, units = stamped(Codec.H264, 200, 50)
            unit = replace(units[0], data=bytes(500_000), utc_us=at)
            return Gop(config, (unit,), at, UtcUs(at + 1_000_000))

        def gop_after(self, key: TrackKey, at: UtcUs) -> Gop:
            return self.gop_at(key, UtcUs(at + 1_000_000))

    reader = Large()
    day = ExportItem(device=CAMERA, spans=(ExportSpan(start_us=T0, end_us=T0 + 100_000 * 1_000_000),))
    found = estimate(reader, ExportRequest(items=(day,)), 10**9)
    assert 50e9 <= found.needed_bytes < 80e9
    assert reader.reads < 10
