"""Basic and Digest credentials (RFC 7617; RFC 2617, RFC 7616: MD5 and SHA-256, with and without qop)."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass

_PAIR = re.compile(r'([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256, "SHA256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One `WWW-Authenticate` value that we can answer."""

    scheme: str
    realm: str
    nonce: str = ""
    opaque: str = ""
    algorithm: str = ""
    qop: bool = False
    stale: bool = False


def best_challenge(values: list[str]) -> Challenge | None:
    """Return the strongest challenge we can answer: Digest SHA-256, Digest MD5, Basic; None when there is none."""
    found: list[tuple[int, Challenge]] = []
    for value in values[:16]:
        for text in re.split(r",\s*(?=(?:Digest|Basic)\s)", value[:4096], flags=re.I):
            scheme, _, rest = text.strip().partition(" ")
            fields = {key.lower(): quoted or plain for key, quoted, plain in _PAIR.findall(rest)}
            if scheme.lower() == "basic":
                found.append((0, Challenge("Basic", fields.get("realm", ""))))
            elif scheme.lower() == "digest":
                algorithm = fields.get("algorithm", "")
                if algorithm.upper().removesuffix("-SESS") not in ("", *_HASHES) or "nonce" not in fields:
                    continue
                qops = [one.strip().lower() for one in fields.get("qop", "").split(",")]
                stale = fields.get("stale", "").lower() == "true"
                challenge = Challenge(
                    "Digest",
                    fields.get("realm", ""),
                    fields["nonce"],
                    fields.get("opaque", ""),
                    algorithm,
                    "auth" in qops,
                    stale,
                )
                found.append((2 if "256" in algorithm else 1, challenge))
    return max(found, key=lambda pair: pair[0])[1] if found else None


class Credentials:
    """Answers a camera's challenges for one session."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._challenge: Challenge | None = None
        self._count = 0

    @property
    def given(self) -> bool:
        """Whether there is anything to answer with."""
        return bool(self._user or self._password)

    def use(self, challenge: Challenge) -> None:
        """Answer this challenge from now on."""
        self._challenge, self._count = challenge, 0

    def header(self, method: str, url: str) -> str:
        """Return the `Authorization` value for a request, empty before any challenge."""
        challenge = self._challenge
        if challenge is None:
            return ""
        if challenge.scheme == "Basic":
            return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        return self._digest(challenge, method, url)

    def _digest(self, challenge: Challenge, method: str, url: str) -> str:
        name = challenge.algorithm.upper()
        hasher = _HASHES[name.removesuffix("-SESS") or "MD5"]

        def digest(text: str) -> str:
            return hasher(text.encode()).hexdigest()

        self._count += 1
        count, own = f"{self._count:08x}", secrets.token_hex(8)
        first = digest(f"{self._user}:{challenge.realm}:{self._password}")
        if name.endswith("-SESS"):
            first = digest(f"{first}:{challenge.nonce}:{own}")
        second = digest(f"{method}:{url}")
        middle = f"{challenge.nonce}:{count}:{own}:auth" if challenge.qop else challenge.nonce
        answer = digest(f"{first}:{middle}:{second}")
        fields = [
            f'username="{self._user}"',
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{url}"',
            f'response="{answer}"',
        ]
        if challenge.opaque:
            fields.append(f'opaque="{challenge.opaque}"')
        if challenge.algorithm:
            fields.append(f"algorithm={challenge.algorithm}")
        if challenge.qop or name.endswith("-SESS"):
            fields.append(f'qop=auth, nc={count}, cnonce="{own}"' if challenge.qop else f'cnonce="{own}"')
        return "Digest " + ", ".join(fields)
