"""The reader of SOAP messages: whatever comes is read within limits or refused, and what is written reads back."""

import contextlib
import tracemalloc

import lxml.etree
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.management.soap.authorization import basic_credentials
from server.management.soap.contracts import Guid, Value
from server.management.soap.dialects import ASMX, SVC, Dialect
from server.management.soap.envelope import SoapFault, read_call
from server.management.soap.operations import OPERATIONS
from server.management.soap.site_contracts import RetentionOption, RetentionSettings, UserInformation
from server.management.soap.xml_reader import MOST_DEPTH, MOST_ELEMENTS, BadXml, Element, read_xml
from server.management.soap.xml_writer import fault, reply
from tests.support.soap_client import message

NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,8}\Z")
XML_CHARS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
TREES = st.recursive(
    st.tuples(NAMES, st.text(XML_CHARS, max_size=20), st.just(())),
    lambda below: st.tuples(NAMES, st.text(XML_CHARS, max_size=20), st.lists(below, max_size=4).map(tuple)),
    max_leaves=20,
)


def written(tree) -> lxml.etree._Element:
    name, text, below = tree
    element = lxml.etree.Element(name)
    element.text = text
    element.extend([written(each) for each in below])
    return element


def plain(element: Element):
    return element.name, element.text, tuple(plain(each) for each in element.children)


@given(TREES, st.sampled_from(["utf-8", "utf-16", "ascii", "iso-8859-1"]))
def test_what_another_library_wrote_reads_the_same(tree, encoding):
    document = lxml.etree.tostring(written(tree), encoding=encoding, xml_declaration=True)
    assert plain(read_xml(document)) == tree


@given(st.binary(max_size=400))
def test_garbage_is_refused_in_our_words(document):
    with contextlib.suppress(BadXml):
        read_xml(document)


@given(st.data())
def test_damaged_messages_are_refused_or_read(data):
    whole = bytearray(message("Login", "<instanceId>7</instanceId><currentToken>TOKEN#x</currentToken>"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(BadXml, SoapFault):
        call = read_call(bytes(whole), "")
        for name in ("instanceId", "currentToken"):
            call.text(name)
            call.guid(name)
            call.guids(name)
            call.moment(name)


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1/">%b;]><a/>',
        b"<a>&b;</a>",
        b"<a>" * (MOST_DEPTH + 1) + b"</a>" * (MOST_DEPTH + 1),
        b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>",
        b"<a " + b" ".join(b'b%d=""' % number for number in range(65)) + b"/>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b"<a" + b"b" * 2_000_000,
        b"",
    ],
    ids=range(11),
)
def test_what_only_an_attacker_sends_is_refused_cheaply(document):
    tracemalloc.start()
    try:
        with pytest.raises(BadXml):
            read_xml(document)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_depth_and_size_up_to_the_limit_are_read():
    assert read_xml(b"<a>" * MOST_DEPTH + b"</a>" * MOST_DEPTH).name == "a"
    assert len(read_xml(b"<a>" + b"<b/>" * (MOST_ELEMENTS - 1) + b"</a>").children) == MOST_ELEMENTS - 1


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from([SVC, ASMX]))
def test_any_text_is_written_so_that_others_can_read_it(name, sid, dialect: Dialect):
    answer = lxml.etree.fromstring(
        reply("GetUserInfo", Value(UserInformation), UserInformation(name=name, sid=sid), dialect)
    )
    shown = [each.text or "" for each in answer.iter() if len(each) == 0]
    assert shown == ["".join(c for c in text if readable(c)) for text in (name, sid)]
    found = lxml.etree.fromstring(fault("Client", name)).findtext(".//faultstring")
    assert (found or "") == "".join(filter(readable, name))


def readable(character: str) -> bool:
    """Whether XML 1.0 can hold it (section 2.2)."""
    code = ord(character)
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


@given(st.lists(st.uuids(), max_size=5), st.sampled_from([SVC, ASMX]))
def test_lists_read_back(ids, dialect: Dialect):
    given_ids = tuple(Guid(str(each)) for each in ids)
    answer = read_xml(reply("X", Value(Guid, many=True), given_ids, dialect)).children[0].children[0].children[0]
    assert tuple(each.text for each in answer.children) == given_ids
    options = tuple(RetentionOption(retention_option_type=text, retention_units=len(text)) for text in given_ids)
    settings = RetentionSettings(retention_options=options)
    answer = read_xml(reply("X", Value(RetentionSettings), settings, dialect)).children[0].children[0].children[0]
    assert len(answer.children[0].children) == len(options)


@given(st.text(max_size=30))
def test_headers_of_any_kind_hold_credentials_or_none(header):
    for text in (header, f"Basic {header}"):
        found = basic_credentials(text)
        assert found is None or len(found) == 2


def test_members_stand_in_the_order_that_clients_expect():
    login = next(each for each in OPERATIONS if each.name == "Login")
    assert login.result is not None
    contract = login.result.contract
    assert contract is not None
    names = [each.name for each in SVC.members(contract)]
    assert names == ["RegistrationTime", "TimeToLive", "TimeToLiveLimited", "Token"]
    assert ASMX.members(contract)[0].name == "Token"
