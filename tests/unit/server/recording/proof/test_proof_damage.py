"""Whatever is done to sealed recordings, verification names it, and never blames what is as it was recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.recording.proof.recordings import Wanted, verify_recordings
from tests.support.sealed_recordings import CAMERAS, Recorded, record, recorded, signer_of

FRAGMENT_US = 300_000
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=["signed", "chain only"])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("storage")
    record(root, signer=signer_of(Ed25519PrivateKey.generate()) if request.param == "signed" else None)
    return root


@contextmanager
def changed(segment: Recorded, data: bytes) -> Iterator[None]:
    segment.path.write_bytes(data)
    try:
        yield
    finally:
        segment.path.write_bytes(segment.data)


def found(storage: Path) -> list[dict[str, Any]]:
    report = verify_recordings([storage], Wanted(device=CAMERAS[0].device))
    assert report["ok"] is not bool(report["findings"])
    return list(report["findings"])


def named(findings: list[dict[str, Any]], segment: Recorded) -> set[int]:
    """The fragments that are blamed; all of them in this segment, each at its time."""
    blamed: set[int] = set()
    for finding in findings:
        assert finding["path"] == str(segment.path), finding
        assert finding["device"] == CAMERAS[0].device
        assert finding["fragments"] is not None, finding
        first, last = finding["fragments"]
        for number in range(first, last + 1):
            blamed.add(number)
        start_us = segment.fragments[first - 1].utc_us
        assert finding["start_us"] == start_us, finding
        assert finding["end_us"] == start_us + FRAGMENT_US * (last - first + 1), finding
    return blamed


def test_what_was_recorded_is_intact(storage: Path) -> None:
    report = verify_recordings([storage], Wanted())
    assert report["ok"]
    assert report["sealed_fragments"] == report["fragments"] == 60
    assert report["files"] == len(recorded(storage, CAMERAS[0])) + len(recorded(storage, CAMERAS[1])) >= 6
    assert report["notes"] == []
    assert report["not_sealed_files"] == 0


@given(st.data())
@QUICK
def test_any_flipped_bit_is_named_and_nothing_else(storage: Path, data: st.DataObject) -> None:
    segment = data.draw(st.sampled_from(recorded(storage, CAMERAS[0])))
    number = data.draw(st.integers(1, len(segment.fragments)))
    fragment = segment.fragments[number - 1]
    at = data.draw(st.integers(fragment.offset, fragment.end_offset - 1))
    flipped = bytearray(segment.data)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    with changed(segment, bytes(flipped)):
        assert named(found(storage), segment) == {number}


@given(st.data())
@QUICK
def test_swapped_fragments_are_named(storage: Path, data: st.DataObject) -> None:
    segment = data.draw(st.sampled_from([one for one in recorded(storage, CAMERAS[0]) if len(one.fragments) > 1]))
    one, two = data.draw(st.lists(st.integers(0, len(segment.fragments) - 1), min_size=2, max_size=2, unique=True))
    parts = segment.parts
    parts[one], parts[two] = parts[two], parts[one]
    with changed(segment, segment.rebuilt(parts)):
        blamed = named(found(storage), segment)
        assert blamed
        assert blamed <= {one + 1, two + 1}
        assert len(blamed) == 2 or abs(one - two) == 1  # of two neighbours, either may be the one that was moved


@given(st.data())
@QUICK
def test_removed_fragments_are_named(storage: Path, data: st.DataObject) -> None:
    segment = data.draw(st.sampled_from([one for one in recorded(storage, CAMERAS[0]) if len(one.fragments) > 2]))
    first = data.draw(st.integers(1, len(segment.fragments)))
    last = data.draw(st.integers(first, min(first + 2, len(segment.fragments))))
    parts = segment.parts
    del parts[first - 1 : last]
    if parts:
        with changed(segment, segment.rebuilt(parts, tail=data.draw(st.booleans()))):
            assert named(found(storage), segment) == set(range(first, last + 1))


@given(st.data())
@QUICK
def test_a_cut_off_tail_is_named(storage: Path, data: st.DataObject) -> None:
    segment = data.draw(st.sampled_from([one for one in recorded(storage, CAMERAS[0]) if len(one.fragments) > 1]))
    size = data.draw(st.integers(segment.fragments[0].end_offset, segment.end - 1))
    whole = sum(fragment.end_offset <= size for fragment in segment.fragments)
    with changed(segment, segment.data[:size]):
        assert named(found(storage), segment) == set(range(whole + 1, len(segment.fragments) + 1))


@given(st.data())
@QUICK
def test_pasted_fragments_are_named(storage: Path, data: st.DataObject) -> None:
    """Of another camera or another time, or a copy, put between, or put in the place of one."""
    ours, theirs = recorded(storage, CAMERAS[0]), recorded(storage, CAMERAS[data.draw(st.integers(0, 1))])
    segment, source = data.draw(st.sampled_from(ours)), data.draw(st.sampled_from(theirs))
    pasted = data.draw(st.sampled_from(source.parts))
    number = data.draw(st.integers(1, len(segment.fragments)))
    parts = segment.parts
    replaced = data.draw(st.booleans())
    if replaced and pasted == parts[number - 1]:
        return
    parts[number - 1 : number if replaced else number - 1] = [pasted]
    with changed(segment, segment.rebuilt(parts)):
        findings = found(storage)
    kinds = {finding["kind"] for finding in findings}
    assert kinds & {"foreign", "out_of_place"}, findings
    if replaced:
        missing = [finding["fragments"] for finding in findings if finding["kind"] == "missing"]
        assert missing in ([[number, number]], []) or source.path == segment.path, findings
    assert kinds <= {"foreign", "out_of_place", "missing"}, findings
    assert len(findings) == 1 + replaced or source.path == segment.path, findings


def test_a_missing_file_is_named(storage: Path) -> None:
    for segment in recorded(storage, CAMERAS[0])[:-1]:
        segment.path.unlink()
        try:
            (finding,) = found(storage)
        finally:
            segment.path.write_bytes(segment.data)
        assert (finding["kind"], finding["path"]) == ("missing", str(segment.path))


def test_a_file_in_the_place_of_another_is_named(storage: Path) -> None:
    ours, theirs = recorded(storage, CAMERAS[0])[1], recorded(storage, CAMERAS[1])[1]
    with changed(ours, theirs.data):
        findings = found(storage)
    assert {finding["path"] for finding in findings} == {str(ours.path)}
    assert findings[0]["kind"] == "foreign"
    assert CAMERAS[1].device in findings[0]["why"]


def test_a_changed_beginning_is_named_and_the_pictures_are_not_blamed(storage: Path) -> None:
    segment = recorded(storage, CAMERAS[0])[1]
    for at in range(0, segment.head_bytes, 7):
        flipped = bytearray(segment.data)
        flipped[at] ^= 4
        with changed(segment, bytes(flipped)):
            report = verify_recordings([segment.path], Wanted())
        assert {finding["kind"] for finding in report["findings"]} <= {"head", "foreign"}, at
        assert report["findings"], at
        assert report["sealed_fragments"] == len(segment.fragments), at
