"""What is posted as a form to the identity endpoints."""

from urllib.parse import unquote_plus

from starlette.requests import Request

from server.management.api.answers import BodyTooLarge, read_body
from server.management.identity.sign_in import Typed

MOST_FORM_BYTES = 64 * 1024

_FIELDS = frozenset(
    {"grant_type", "username", "password", "client_id", "client_secret", "refresh_token", "scope", "token"}
    | {"code", "code_verifier", "redirect_uri", "token_type_hint", "otp", "new_password"}
    | {"second_username", "second_password", "second_otp"}
)
_PAGE_FIELDS = frozenset({"attempt", "repeat_password", "form_token"})


async def read_form(request: Request, most_bytes: int = MOST_FORM_BYTES) -> dict[str, str]:
    """Return the posted fields by their names in lower case; raise BodyTooLarge, BadRequest."""
    return decode_form(await _read(request, most_bytes))


async def read_page_form(request: Request) -> dict[str, str]:
    """Return the fields of our own sign-in page, which browsers encode as they should."""
    return decode_form(await _read(request, MOST_FORM_BYTES), _FIELDS | _PAGE_FIELDS)


async def _read(request: Request, most_bytes: int) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > most_bytes:
        raise BodyTooLarge(f"The request is larger than {most_bytes} bytes.")
    return await read_body(request, most_bytes)


def decode_form(body: bytes, fields: frozenset[str] = _FIELDS) -> dict[str, str]:
    """Read `application/x-www-form-urlencoded` leniently: some clients do not encode the values at all.

    A value runs to the next `&` that is followed by a name of ours and `=`, so that a raw password may hold `&`. A `+`
    is a blank, and `%xx` is decoded where it is valid UTF-8.
    """
    text = body.decode("utf-8", "replace")
    form: dict[str, str] = {}
    last = ""
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if equals and name.lower() in fields:
            last = name.lower()
            form[last] = value
        elif last:
            form[last] += "&" + part
    return {name: unquote_plus(value, errors="replace") for name, value in form.items()}


def typed_from(form: dict[str, str], request: Request) -> Typed:
    """Return what somebody typed to sign in."""
    return Typed(
        name=form.get("username", ""),
        password=form.get("password", ""),
        code=form.get("otp", ""),
        new_password=form.get("new_password", ""),
        second_name=form.get("second_username", ""),
        second_password=form.get("second_password", ""),
        second_code=form.get("second_otp", ""),
        address=request.client.host if request.client else "",
    )
