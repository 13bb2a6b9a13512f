"""Time-based one-time codes (RFC 6238 with HMAC-SHA-1, 30 s, six digits: what every authenticator app knows)."""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

STEP_S = 30
DIGITS = 6
_SECRET_BYTES = 20  # RFC 4226, section 4: as long as the hash
_DRIFT_STEPS = 1  # RFC 6238, section 5.2: one step of clock difference or slow typing


def new_secret() -> bytes:
    """Return a secret for one user."""
    return secrets.token_bytes(_SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of one step (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(secret: bytes, code: str, now_s: float, last_step: int) -> int | None:
    """Return the step that a code belongs to, later than `last_step`, so that none counts twice; None: wrong."""
    plain = "".join(code.split())
    if len(plain) != DIGITS or not (plain.isascii() and plain.isdigit()):
        return None
    now = int(now_s) // STEP_S
    found: int | None = None
    for step in range(now - _DRIFT_STEPS, now + _DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step), plain) and step > last_step:
            found = step
    return found


def as_text(secret: bytes) -> str:
    """Return a secret as people type it into an app."""
    return base64.b32encode(secret).decode()


def enrolment_uri(secret: bytes, user_name: str, site_name: str) -> str:
    """Return what the QR code for an authenticator app holds (`otpauth:`, Google's key URI format)."""
    site = site_name.replace(":", " ")
    label = quote(f"{site}:{user_name}", safe="")
    return f"otpauth://totp/{label}?{urlencode({'secret': as_text(secret), 'issuer': site})}"
