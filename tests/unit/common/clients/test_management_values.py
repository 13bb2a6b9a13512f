"""How the API's JSON becomes values, also from a server that is older or broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clients import management_values as values
from common.clients.management import ManagementClient
from common.foundation.errors import NotSignedIn, ProtocolError, ServerUnreachable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "relations", "parent", "enabled"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def test_the_media_address_follows_the_active_address():
    item = {"id": "r", "name": "R", "enabled": True, "activeWebServerUri": "https://[::1]:7563/"}
    assert values.recording_server(item, "s").media_uri == "wss://[::1]:7563/media"
    assert values.recording_server({"id": "r"}, "s").media_uri == ""


@given(JSON)
def test_any_json_is_read_or_refused(item):
    for read in (values.recording_server, values.hardware, values.camera, values.microphone):
        try:
            read(item, "server")
        except ProtocolError:
            continue


def test_without_a_session_nothing_is_sent():
    with ManagementClient("https://127.0.0.1:1") as client, pytest.raises(NotSignedIn):
        client.cameras()


@pytest.mark.parametrize("address", ["http://h", "nonsense", "https://"])
def test_an_address_that_is_none(address):
    with pytest.raises(ServerUnreachable):
        ManagementClient(address)


def test_nobody_listens():
    with ManagementClient("https://127.0.0.1:1") as client, pytest.raises(ServerUnreachable, match="refused"):
        client.sign_in("a", "b")
