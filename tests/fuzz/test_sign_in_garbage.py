"""Whatever is sent to sign in, what reads it answers with a value or with a refusal, and holds no more than it may."""

import base64
import contextlib

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from common.foundation.errors import NotSignedIn
from server.management.api.code_requests import NoWayBack, RequestRefused, query_of, read_code_request, way_back
from server.management.api.forms import decode_form
from server.management.api.negotiate import token_in
from server.management.api.sign_in_page import Field, Page, page_answer
from server.management.identity.ldap_connection import server_of
from server.management.identity.ldap_names import sid_bytes, sid_text, taken_apart
from server.management.identity.lockout import address_key
from server.management.identity.refusals import GrantRefused
from server.management.identity.vms_tokens import _guid

ANY = st.text(max_size=200)
NAMES = ("response_type", "client_id", "redirect_uri", "code_challenge", "code_challenge_method", "state", "prompt")


@given(st.binary(max_size=400))
def test_forms(body):
    form = decode_form(body)
    assert sum(map(len, form.values())) <= 3 * len(body)


@given(st.dictionaries(st.sampled_from(NAMES), ANY))
def test_requests_for_codes(query):
    query.setdefault("client_id", "VmsClient")
    query.setdefault("redirect_uri", "http://127.0.0.1:1/x")
    try:
        wanted = read_code_request(query, "https://vms.example", ())
    except NoWayBack:
        return
    except RequestRefused as refused:
        wanted = refused.wanted
    back = way_back(wanted, "https://vms.example/idp", code="c")
    assert back.startswith(wanted.redirect_uri)
    assert "\n" not in back.removeprefix(wanted.redirect_uri)
    assert query_of(wanted)


@given(ANY)
def test_pages_hold_texts_as_texts(given_text):
    text = f"x{given_text}"
    page = Page(text, text, (Field("f", text, "off", value=text),), text, text, text, hidden=(("h", text),))
    html = page_answer(page, "http://127.0.0.1:1/x").body.decode("utf-8", "surrogatepass")
    plain = page_answer(Page("x", "x", (Field("f", "x", "off", value="x"),), "x", "x", "x", hidden=(("h", "x"),)))
    assert html.count("<") == plain.body.decode().count("<")


@given(st.binary(max_size=300))
def test_tickets_in_headers(value):
    for header in (b"Negotiate " + value, b"negotiate " + base64.b64encode(value), value):
        request = Request({"type": "http", "headers": [(b"authorization", header)]})
        try:
            token = token_in(request)
        except GrantRefused:
            continue
        assert token is None or isinstance(token, bytes)


@given(ANY)
def test_names_addresses_and_tokens(text):
    assert taken_apart(text).form in ("domain", "principal", "bare")
    assert address_key(text)
    server = server_of(text)
    assert server is None or (server.host and 0 < server.port < 65_536)
    with contextlib.suppress(NotSignedIn):
        _guid(text)
    with contextlib.suppress(ValueError):
        assert sid_text(sid_bytes(text)).startswith("S-")


@given(st.binary(max_size=80))
def test_security_identifiers(value):
    with contextlib.suppress(ValueError):
        assert sid_bytes(sid_text(value)) == value
