"""The header `Authorization` of requests to this interface: Basic (RFC 7617), with users as older clients name them."""

import base64
import binascii
import re

_BASIC_USER = re.compile(r"^\[basic\]\\", re.IGNORECASE)
"""Marks a user of the site's own where a directory's user is meant otherwise."""
_MOST_CHARS = 8192


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Return user name and password of a header; None when it holds none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _MOST_CHARS:
        return None
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # what older .NET clients send
    name, colon, password = text.partition(":")
    return (_BASIC_USER.sub("", name), password) if colon else None
