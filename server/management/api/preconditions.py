"""`If-Match`: change an item only when it is what the caller read."""

from starlette.requests import Request

from server.management.configuration.items import VersionConflict


def expected_version(request: Request) -> int | None:
    """Return what a request's `If-Match` asks for; None: any version. Raises VersionConflict."""
    return version_of(request.headers.get("if-match", ""))


def version_of(tag: str) -> int | None:
    """Return the version of an entity tag (RFC 9110, 13.1.1), None for any; raise VersionConflict when it can match
    nothing."""
    text = tag.strip()
    if text in ("", "*"):
        return None
    plain = text.removeprefix("W/").strip('"')
    if not (plain.isascii() and plain.isdigit() and len(plain) < 19):
        raise VersionConflict(f"If-Match: {text[:80]}")
    return int(plain)
