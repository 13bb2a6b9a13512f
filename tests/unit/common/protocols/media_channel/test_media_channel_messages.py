"""The media channel's JSON messages: what is written is read again; what is wrong is named."""

import dataclasses
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.errors import ProtocolError
from common.protocols.media_channel.messages import (
    Authenticate,
    ClientMessage,
    Gap,
    Message,
    Probe,
    Probed,
    ProbedAudio,
    ProbedVideo,
    Seek,
    Sequences,
    ServerMessage,
    Subscribe,
    TimelineTrack,
    decode_client,
    decode_server,
    encode,
)

TIMES = st.integers(0, 2**53 - 1)
U32 = st.integers(0, 2**32 - 1)
U16 = st.integers(0, 2**16 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)
SPEEDS = st.floats(1 / 16, 32) | st.floats(-32, -1 / 16)

BY_FIELD: dict[str, st.SearchStrategy[Any]] = {
    "generation": U16,
    "speed": SPEEDS,
    "count": st.sampled_from([1, -1]),
    "paused": st.booleans(),
    "on": st.booleans(),
    "kind": st.sampled_from(["video", "audio"]),
    "state": st.sampled_from(["connecting", "live", "lost", "stopped"]),
    "transport": st.sampled_from(["auto", "tcp", "udp"]),
    "limit": st.integers(1, 200),
    "devices": st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    "buckets": st.integers(1, 4000),
    "gaps": st.lists(st.tuples(TIMES, TIMES, NAMES, TEXT), max_size=5).map(tuple),
    "complete": st.booleans(),
    "reasons": st.lists(NAMES, max_size=5).map(tuple),
    "tracks": st.lists(st.builds(TimelineTrack, NAMES, st.binary(), st.binary()), max_size=3).map(tuple),
    "spans": st.lists(st.tuples(TIMES, TIMES), max_size=5).map(tuple),
    "video": st.none() | st.builds(ProbedVideo, NAMES, U32, U32, st.floats(0, 1000)),
    "request": st.dictionaries(TEXT, TEXT | U32, max_size=3),
    "locks": st.lists(st.dictionaries(TEXT, TEXT | U32, max_size=3), max_size=3).map(tuple),
    "jobs": st.lists(st.dictionaries(TEXT, TEXT | U32, max_size=3), max_size=3).map(tuple),
    "estimate": st.booleans(),
    "action": st.sampled_from(["pause", "resume", "cancel", "remove"]),
    "media_bytes": TIMES,
    "needed_bytes": TIMES,
    "free_bytes": TIMES,
    "audio": st.none() | st.builds(ProbedAudio, NAMES, U32, U32),
}
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {"int": U32, "int | None": st.none() | U32, "str": TEXT}


def values(field: dataclasses.Field[Any], message: type) -> st.SearchStrategy[Any]:
    if field.name in BY_FIELD:
        return BY_FIELD[field.name]
    if field.name.endswith("_us"):
        optional = message in (Subscribe, Gap)
        return (st.none() | TIMES) if optional and field.name in ("from_us", "to_us") and message is not Gap else TIMES
    if field.name in ("sub", "group", "id", "version", "gops", "units", "width_px"):
        return U32
    return NAMES


def built(message: type) -> st.SearchStrategy[Any]:
    return st.builds(message, **{f.name: values(f, message) for f in dataclasses.fields(message)})


@given(st.one_of([built(message) for message in get_args(ClientMessage)]))
def test_client_messages_survive_the_wire(message: ClientMessage) -> None:
    assert decode_client(encode(message)) == message


@given(st.one_of([built(message) for message in get_args(ServerMessage)]))
def test_server_messages_survive_the_wire(message: ServerMessage) -> None:
    assert decode_server(encode(message)) == message


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Subscribe(1, "d"), '{"op":"subscribe","sub":1,"device":"d"}'),  # type: ignore[arg-type]
        (Gap(1, 2, 3, None), '{"op":"gap","sub":1,"generation":2,"from":3,"to":null}'),  # type: ignore[arg-type]
        (Sequences(4, ((1, 2),)), '{"op":"sequences","id":4,"spans":[[1,2]]}'),  # type: ignore[arg-type]
        (
            Probed(1, ProbedVideo("h264", 640, 360, 25.0), None, "aa"),
            '{"op":"probed","id":1,"video":{"codec":"h264","width":640,"height":360,"fps":25.0},"jpeg":"aa"}',
        ),
    ],
)
def test_messages_look_as_the_format_says(message: Message, text: str) -> None:
    assert encode(message) == text


def test_defaults_are_those_of_the_format() -> None:
    message = decode_client('{"op":"subscribe","sub":5,"device":"d","from":"live"}')
    assert isinstance(message, Subscribe)
    assert (message.track, message.from_us, message.group_number, message.speed) == ("primary", None, 5, 1.0)
    assert isinstance(decode_client('{"op":"subscribe","sub":5,"device":"d","from":17}'), Subscribe)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "no 'op'"),
        ('{"op":5}', "no 'op'"),
        ('{"op":"hello"}', "unknown op 'hello'"),
        ('{"op":"seek","group":1,"generation":0}', "seek: field 'to' is missing"),
        ('{"op":"seek","group":1,"to":1.5,"generation":0}', "field 'to' must be a whole number"),
        ('{"op":"seek","group":1,"to":9007199254740992,"generation":0}', "field 'to'"),
        ('{"op":"seek","group":1,"to":1,"generation":65536}', "field 'generation'"),
        ('{"op":"subscribe","sub":true,"device":"d"}', "field 'sub'"),
        ('{"op":"subscribe","sub":1,"device":""}', "field 'device'"),
        ('{"op":"subscribe","sub":1,"device":"\\ud800"}', "valid Unicode"),
        ('{"op":"subscribe","sub":1,"device":"d","from":"now"}', '"live" or a time'),
        ('{"op":"subscribe","sub":1,"device":"d","speed":0}', "field 'speed'"),
        ('{"op":"subscribe","sub":1,"device":"d","speed":33}', "field 'speed'"),
        ('{"op":"subscribe","sub":1,"device":"d","speed":NaN}', "not JSON"),
        ('{"op":"step","group":1,"from":1,"count":2,"generation":0}', "1 or -1"),
        ('{"op":"step","group":1,"from":1,"count":true,"generation":0}', "1 or -1"),
        ('{"op":"sequences","id":1,"device":"d","from":0,"to":1,"limit":10001}', "field 'limit'"),
        ('{"op":"gaps","id":1,"device":"d","from":0,"to":1,"limit":4001}', "field 'limit'"),
        ('{"op":"timeline","id":1,"devices":[],"from":0,"to":1,"buckets":5}', "1 to 64 devices"),
        ('{"op":"timeline","id":1,"devices":["d"],"from":0,"to":1,"buckets":0}', "field 'buckets'"),
        ('{"op":"unsubscribe","sub":' + "9" * 5000 + "}", "not JSON"),
        ("[" * 50_000, "not JSON"),
        (" " * 65_537, "more than 65536 bytes"),
    ],
)
def test_wrong_messages_are_named(text: str, said: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_client(text)
    assert said in str(caught.value)


def test_secrets_do_not_show() -> None:
    assert "hush" not in repr(Authenticate("hush"))
    assert "hush" not in repr(Probe(1, "rtsp://u:hush@h", "u", "hush"))
    with pytest.raises(ProtocolError) as caught:
        decode_client('{"op":"probe","id":1,"url":"x","password":["hush"]}')
    assert "hush" not in str(caught.value)


def test_times_are_exact() -> None:
    message = decode_client('{"op":"seek","group":1,"to":1700000000000001,"generation":0}')
    assert isinstance(message, Seek)
    assert message.to_us == 1_700_000_000_000_001
