"""Whatever bytes come: the media channel's decoders give a value or a ProtocolError, never anything else."""

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from common.foundation.errors import ProtocolError
from common.protocols.media_channel.messages import decode_client, decode_server
from common.protocols.media_channel.records import MediaRecord, RecordKind, config_of, pack, unpack_all
from server.recording.relay.framing import FrameReader

OPS = [
    "authenticate", "subscribe", "unsubscribe", "seek", "step", "pause", "resume", "speed", "position", "sequences",
    "probe", "record", "hello", "subscribed", "state", "gap", "edge", "dropped", "probed", "done", "error",
    "gaps", "timeline",
    "export_create", "export_list", "export_control", "exports", "export_estimated",
    "lock_create", "lock_change", "lock_remove", "lock_list", "locks", "deletion_confirm",
]  # fmt: skip
NAMES = [
    "sub", "device", "track", "from", "to", "group", "speed", "paused", "generation", "count", "at", "id", "limit",
    "url", "user", "password", "transport", "on", "token", "version", "recorder", "time", "kind", "state", "since",
    "reason", "gops", "units", "spans", "video", "audio", "jpeg", "code", "message",
    "devices", "buckets", "gaps", "complete", "reasons", "tracks",
    "request", "estimate", "job", "action", "jobs", "mediaBytes", "neededBytes", "freeBytes",
    "lock", "after", "locks",
]  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["live", 1, -1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def harmless(text: str | bytes) -> None:
    for decode in (decode_client, decode_server):
        try:
            decode(text)
        except ProtocolError as wrong:
            str(wrong).encode()


@given(st.binary(max_size=300) | st.text(max_size=300))
@settings(max_examples=600, deadline=None)
def test_any_text(garbage: str | bytes) -> None:
    harmless(garbage)


@given(st.sampled_from(OPS), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8))
@settings(max_examples=1000, deadline=None)
def test_any_fields(op: str, fields: dict[str, Any]) -> None:
    harmless(json.dumps({**fields, "op": op}))


@given(st.binary(max_size=400))
@settings(max_examples=600, deadline=None)
def test_any_records(garbage: bytes) -> None:
    try:
        for record in unpack_all(garbage):
            config_of(record)
    except ProtocolError:
        pass


def test_flipped_bytes_of_good_records() -> None:
    chance = random.Random(7)
    good = pack(MediaRecord(RecordKind.CONFIG, 1, 2, 3, 4, 5, 6, 7, 90_000, b'\x10\x00{"codec":"h264"}avcC'))  # type: ignore[arg-type]
    for _ in range(2000):
        wire = bytearray(good * 2)
        for _ in range(chance.randint(1, 4)):
            wire[chance.randrange(len(wire))] = chance.randrange(256)
        try:
            for record in unpack_all(bytes(wire[: chance.randint(1, len(wire))])):
                config_of(record)
        except ProtocolError:
            pass


@given(st.lists(st.binary(max_size=64), max_size=10))
@settings(max_examples=400, deadline=None)
def test_any_relay_frames(pieces: list[bytes]) -> None:
    reader = FrameReader()
    try:
        for piece in pieces:
            reader.feed(piece)
    except ProtocolError:
        pass
