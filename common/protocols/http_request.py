"""HTTP requests without a body, and byte ranges: what a port needs that also gives files away (RFC 9110, RFC 9112)."""

from dataclasses import dataclass
from urllib.parse import unquote

from common.foundation.errors import ProtocolError

MOST_HEAD_BYTES = 16 * 1024
_METHODS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request's first line and headers, their names in lower case. `path` has no query and is still quoted."""

    method: str
    path: str
    headers: dict[str, str]

    def parts(self) -> list[str]:
        """The path's parts, unquoted each by itself, so that `%2F` is no separator."""
        try:
            return [unquote(part, errors="strict") for part in self.path.split("/") if part]
        except UnicodeDecodeError:
            raise ProtocolError("the path is not UTF-8", peer="The client") from None

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer` (RFC 6750, 2.1), if there is one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None


def parse_head(head: bytes) -> HttpRequest:
    """Read everything up to the empty line. Raises ProtocolError on what is no such request."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or words[0] not in _METHODS or not words[1].startswith("/") or words[2][:7] != "HTTP/1.":
        raise ProtocolError("that is no GET or HEAD request of HTTP/1.1", peer="The client")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ProtocolError("a header without a name", peer="The client")
        headers[name.lower()] = value.strip()
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise ProtocolError("a request with a body", peer="The client")
    return HttpRequest(words[0], words[1].partition("?")[0], headers)


def byte_range(wanted: str, size_bytes: int) -> tuple[int, int] | None:
    """Return first byte and the one behind the last of a `Range` header (RFC 9110, 14.1.2).

    None where it asks for what is not there. Several ranges, and what is no range of bytes, get the whole, as allowed.
    """
    unit, _, spec = wanted.partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip().lower() != "bytes" or not dash or not (first + last).isdecimal() or not (first + last).isascii():
        return 0, size_bytes
    if len(first) > 18 or len(last) > 18:
        return None
    if not first:
        count = min(int(last), size_bytes)
        return (size_bytes - count, size_bytes) if count else None
    start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
    if last and int(last) < int(first):
        return 0, size_bytes
    return (start, end) if start < size_bytes else None
