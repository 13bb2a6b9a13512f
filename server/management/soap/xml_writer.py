"""Writes results as text, exactly as older clients cut it: no prefix on ours, `<X />` for an empty result."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from common.foundation.clock import UtcUs
from server.management.soap.contracts import Contract, Value
from server.management.soap.dialects import ARRAYS, ELEMENTS, NAMESPACE, Dialect

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
_ESCAPED = str.maketrans(_ESCAPES)


def reply(operation: str, value: Value | None, result: Any, dialect: Dialect) -> bytes:
    """Return the envelope that answers an operation; `value` declares the result, None where there is none."""
    parts: list[str] = []
    if value is not None:
        _Writer(dialect, parts).result(f"{operation}Result", value, result)
    body = "".join(parts)
    return _envelope(f'<{operation}Response xmlns="{NAMESPACE}">{body}</{operation}Response>')


def fault(code: str, text: str) -> bytes:
    """Return the envelope of a failure; `code` without prefix."""
    return _envelope(
        f"<s:Fault><faultcode>s:{escaped(code)}</faultcode><faultstring>{escaped(text)}</faultstring></s:Fault>"
    )


def escaped(text: str) -> str:
    """Return text as it stands in an element or attribute; what XML cannot hold is left out."""
    return _NOT_XML.sub("", text).translate(_ESCAPED)


def xml_time(at: UtcUs) -> str:
    """Write wall time as `xs:dateTime`, in UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def _envelope(body: str) -> bytes:
    # No declaration: some clients compare the beginning.
    return f'<s:Envelope xmlns:s="{_SOAP}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


class _Writer:
    """Appends to a list of pieces: a large site's configuration is a hundred thousand elements."""

    def __init__(self, dialect: Dialect, parts: list[str]) -> None:
        self._dialect = dialect
        self._parts = parts

    def result(self, name: str, value: Value, result: Any) -> None:
        if value.many and not result:
            self._parts.append(f"<{name} />")
        elif result is None:
            self._parts.append(f'<{name} xmlns:i="{_INSTANCE}" i:nil="true"/>')
        elif value.many or value.contract is not None:
            self._parts.append(f'<{name} xmlns:i="{_INSTANCE}"{self._arrays(value)}>')
            self._inside(value, result)
            self._parts.append(f"</{name}>")
        else:
            self._member(name, value, result)

    def _member(self, name: str, value: Value, given: Any) -> None:
        if given is None:
            self._parts.append(f'<{name} i:nil="true"/>')
        elif value.many and not given:
            self._parts.append(f"<{name}/>")
        else:
            self._parts.append(f"<{name}{self._arrays(value)}>")
            self._inside(value, given)
            self._parts.append(f"</{name}>")

    def _inside(self, value: Value, given: Any) -> None:
        if not value.many:
            if isinstance(given, Contract):
                self._members(given)
            else:
                self._parts.append(_text(given, value.of))
            return
        if value.contract is not None:
            name = value.contract.__name__
            for each in given:
                self._parts.append(f"<{name}>")
                self._members(each)
                self._parts.append(f"</{name}>")
            return
        name = f"a:{ELEMENTS[value.of]}" if self._dialect.prefixed_arrays else ELEMENTS[value.of]
        for each in given:
            self._parts.append(f"<{name}>{_text(each, value.of)}</{name}>")

    def _members(self, given: Contract) -> None:
        for member in self._dialect.members(type(given)):
            self._member(member.name, member.value, getattr(given, member.attribute))

    def _arrays(self, value: Value) -> str:
        plain = value.many and value.contract is None and self._dialect.prefixed_arrays
        return f' xmlns:a="{ARRAYS}"' if plain else ""


def _text(value: Any, of: Any) -> str:
    if of is UtcUs:
        return xml_time(UtcUs(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return escaped(str(value))
