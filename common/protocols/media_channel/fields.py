"""Checked reading of one field of a JSON message: what each kind of field may hold, and how a wrong one is named."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from common.foundation.errors import ProtocolError

MOST_U16 = 0xFFFF
MOST_U32 = 0xFFFFFFFF
MOST_TIME_US = 2**53 - 1  # what JavaScript holds exactly
SLOWEST_SPEED = 1 / 16
FASTEST_SPEED = 32.0
MOST_TOKEN_CHARACTERS = 16_384
MOST_NAME_CHARACTERS = 128
MOST_TEXT_CHARACTERS = 4096

type_names: Mapping[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}

Reader = Callable[[object], Any]
"""Turns what JSON held into a field's value, or raises ValueError with what it should have been."""


def shown(value: object) -> str:
    """Describe a wrong value briefly: never the value of a string, which may be a secret."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return type_names.get(type(value), "something else")
    return str(value)[:24]


def whole_number(least: int, most: int) -> Reader:
    """A JSON number without a fraction, `least` to `most`."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return read


u16 = whole_number(0, MOST_U16)
u32 = whole_number(0, MOST_U32)
time = whole_number(0, MOST_TIME_US)


def or_null(read: Reader) -> Reader:
    """What `read` takes, or null for None."""

    def read_or_null(value: object) -> object:
        return None if value is None else read(value)

    return read_or_null


def live_or_time(value: object) -> int | None:
    """`"live"` gives None, anything else must be a time."""
    if value == "live":
        return None
    if isinstance(value, str):
        raise ValueError('"live" or a time in microseconds')
    return int(time(value))


def speed(value: object) -> float:
    """1/16 to 32 times, negative for backward."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or not SLOWEST_SPEED <= abs(value) <= FASTEST_SPEED
    ):
        raise ValueError("a speed from 1/16 to 32, or negative")
    return float(value)


def one_step(value: object) -> int:
    """+1 or -1."""
    if isinstance(value, bool) or value not in (1, -1):
        raise ValueError("1 or -1")
    return 1 if value == 1 else -1


def number(least: float, most: float) -> Reader:
    """A finite JSON number, `least` to `most`."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise ValueError(f"a number from {least} to {most}")
        return float(value)

    return read


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def string(most_characters: int, least_characters: int = 0) -> Reader:
    """A string that is valid Unicode: a lone surrogate could not be written to a log or a database."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not least_characters <= len(value) <= most_characters:
            raise ValueError(f"a string of {least_characters} to {most_characters} characters")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("a string of valid Unicode") from None
        return value

    return read


name = string(MOST_NAME_CHARACTERS, 1)
text = string(MOST_TEXT_CHARACTERS)


def one_of(*allowed: str) -> Reader:
    """One of these words."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value

    return read


def json_object(value: object) -> dict[str, Any]:
    """An object whose contents somebody else checks."""
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value


def json_objects(value: object, most: int) -> tuple[dict[str, Any], ...]:
    """An array of such objects."""
    if not isinstance(value, (list, tuple)) or len(value) > most:
        raise ValueError(f"an array of at most {most} objects")
    return tuple(json_object(one) for one in value)


def read_field(source: Mapping[str, object], field: str, reader: Reader, where: str) -> Any:
    """Read `field`, which must be there; raise ProtocolError that names it as `where`.`field`."""
    if field not in source:
        raise ProtocolError(f"{where}: field '{field}' is missing")
    try:
        return reader(source[field])
    except ValueError as wrong:
        raise ProtocolError(f"{where}: field '{field}' must be {wrong}, not {shown(source[field])}") from None


def wire(reader: Reader, name: str = "", **default: Any) -> Any:
    """A dataclass field that stands in JSON as `name` (its own name when empty) and is read by `reader`."""
    return dataclasses.field(metadata={"reader": reader, "wire": name}, **default)
