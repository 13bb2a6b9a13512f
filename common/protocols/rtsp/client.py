"""The client's half of one RTSP session (RFC 2326): makes requests, judges answers. No I/O, no clock.

One request is under way at a time: `request` returns the bytes to send, `answer` takes what came and returns either the
bytes to send instead (credentials) or None when the camera agreed.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from common.foundation.errors import DeviceError
from common.protocols.rtsp.authentication import Credentials, best_challenge
from common.protocols.rtsp.messages import Message, request_bytes
from common.protocols.rtsp.refusals import CameraBusy, NoSuchStream, Redirected, TransportRefused, WrongPassword

USER_AGENT = "Vedette"
_MOST_TRIES = 3
_DEFAULT_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Transport:
    """What the camera answered to SETUP. Ports and channels are (RTP, RTCP); -1 when not said."""

    interleaved: tuple[int, int]
    server_port: tuple[int, int]
    source: str
    ssrc: int | None


class RtspClient:
    """Knows session id, sequence numbers, credentials and what the camera supports."""

    def __init__(self, url: str, user: str, password: str) -> None:
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
        self._credentials = Credentials(user, password)
        self._number = 0
        self._pending: tuple[str, str, dict[str, str], int, bool] | None = None
        self.session = ""
        self.timeout_s = _DEFAULT_TIMEOUT_S
        self.methods: frozenset[str] = frozenset()

    def request(self, method: str, url: str = "", headers: dict[str, str] | None = None) -> bytes:
        """Return the bytes of a request to `url` (default: the stream's)."""
        return self._write(method, url or self.url, headers or {}, 1)

    def _write(self, method: str, url: str, headers: dict[str, str], tries: int) -> bytes:
        self._number += 1
        lines = {"CSeq": str(self._number), "User-Agent": USER_AGENT}
        if self.session:
            lines["Session"] = self.session
        login = self._credentials.header(method, url)
        if login:
            lines["Authorization"] = login
        self._pending = (method, url, headers, tries, bool(login))
        return request_bytes(method, url, {**lines, **headers})

    def is_answer(self, message: Message) -> bool:
        """Whether a message answers the request under way; answers to earlier ones are left alone."""
        number = message.header("cseq").strip()
        return message.status > 0 and (not number or number == str(self._number))

    def answer(self, message: Message) -> bytes | None:
        """Judge an answer: None when the request succeeded, else bytes to send. Raises DeviceRefused or DeviceError."""
        assert self._pending is not None
        method, url, headers, tries, had_login = self._pending
        if message.status == 100:
            return b""
        if message.status == 401:
            return self._log_in(message, method, url, headers, tries, had_login)
        self._pending = None
        if message.status >= 300 and method != "TEARDOWN":
            self._refuse(message, method, url)
        self._remember(message, method)
        return None

    def _log_in(  # noqa: PLR0917 - the request that was refused, field by field
        self, message: Message, method: str, url: str, headers: dict[str, str], tries: int, had_login: bool
    ) -> bytes:
        challenge = best_challenge(message.headers.get("www-authenticate", []))
        if challenge is None:
            raise DeviceError("it asks for a kind of login that Vedette does not know")
        if not self._credentials.given:
            raise WrongPassword("it asks for a user name and password, and none are configured")
        # A first refusal may be an expired nonce; a refusal of an answer to the nonce just given is not.
        if tries >= _MOST_TRIES or (had_login and tries > 1 and not challenge.stale):
            raise WrongPassword("it refuses the user name or password")
        self._credentials.use(challenge)
        return self._write(method, url, headers, tries + 1)

    def _refuse(self, message: Message, method: str, url: str) -> None:
        said = f"{method} was answered {message.status} {message.reason}".rstrip()
        path = urlsplit(url).path or "/"
        if message.status < 400:
            raise Redirected(f"it sends us to another address ({_host(message.header('location'))})")
        if message.status == 403:
            raise WrongPassword(f"the user may not see this stream ({said})")
        if message.status in (404, 410):
            raise NoSuchStream(f"it has no stream {path}", path=path)
        if message.status == 461:
            raise TransportRefused(said)
        if message.status in (453, 503):
            raise CameraBusy(said)
        if message.status in (400, 405, 406, 415, 451, 501, 505, 551):
            raise DeviceError(f"it does not understand us: {said}")
        raise DeviceError(said)

    def _remember(self, message: Message, method: str) -> None:
        session, _, rest = message.header("session").partition(";")
        if session.strip() and method != "TEARDOWN":
            self.session = session.strip()[:256]
            timeout = re.search(r"timeout\s*=\s*(\d{1,6})", rest)
            if timeout:
                self.timeout_s = min(max(int(timeout[1]), 3), 3600)
        if method == "OPTIONS":
            names = message.header("public") or message.header("allow")
            self.methods = frozenset(name.strip().upper() for name in names.split(",") if name.strip())

    @property
    def keep_alive_method(self) -> str:
        """GET_PARAMETER where the camera says it knows it, else OPTIONS, which all know."""
        return "GET_PARAMETER" if "GET_PARAMETER" in self.methods else "OPTIONS"

    def base_url(self, message: Message) -> str:
        """Return what control addresses of a DESCRIBE answer are relative to (RFC 2326, C.1.1)."""
        base = message.header("content-base") or message.header("content-location")
        return self._with_our_host(base) if base.lower().startswith("rtsp") else self.url

    def control_url(self, base: str, control: str) -> str:
        """Return the address of a `control` attribute; empty and `*` mean the base itself."""
        if control in ("", "*"):
            return base
        if control.lower().startswith(("rtsp://", "rtsps://")):
            return self._with_our_host(control)
        if control.startswith("/"):  # some cameras mean the host's root, as RFC 3986 says
            parts = urlsplit(base)
            if parts.path and control.startswith(parts.path.rstrip("/") + "/"):
                return urlunsplit(parts._replace(path=control, query=""))
        return base + ("" if base.endswith("/") else "/") + control.lstrip("/")

    def _with_our_host(self, url: str) -> str:
        """Cameras behind address translation name themselves by an address that we cannot reach, or by none."""
        try:
            theirs: SplitResult = urlsplit(url)
        except ValueError:
            return self.url
        ours = urlsplit(self.url)
        return urlunsplit(theirs._replace(scheme=ours.scheme, netloc=ours.netloc))


def parse_transport(value: str) -> Transport:
    """Read a SETUP answer's Transport header, leniently."""
    fields: dict[str, str] = {}
    for part in value.split(",", maxsplit=1)[0].split(";"):
        key, _, text = part.partition("=")
        fields[key.strip().lower()] = text.strip()
    ssrc = fields.get("ssrc", "")
    return Transport(
        _pair(fields.get("interleaved", ""), 255),
        _pair(fields.get("server_port", ""), 65_535),
        fields.get("source", ""),
        int(ssrc, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,8}", ssrc) else None,
    )


def _pair(text: str, most: int) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?", text)
    if not found:
        return -1, -1
    first = int(found[1])
    second = int(found[2]) if found[2] else first + 1
    return (first, second) if max(first, second) <= most else (-1, -1)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "unknown"
    except ValueError:
        return "unknown"
