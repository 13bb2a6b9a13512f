"""What a person types as an address."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.management.configuration.addresses import read_address
from server.management.configuration.items import InvalidProperties


@pytest.mark.parametrize(
    ("text", "url", "user", "password"),
    [
        (" rtsp://10.0.0.1/a?b=c ", "rtsp://10.0.0.1/a?b=c", "", ""),
        ("RTSP://root:p%40ss@Cam.example:8554/", "rtsp://cam.example:8554/", "root", "p@ss"),
        ("rtsps://u@[fe80::1]:322/x#y", "rtsps://[fe80::1]:322/x", "u", ""),
        ("simulator:yard", "simulator:yard", "", ""),
        ("simulator://yard/", "simulator:yard", "", ""),
    ],
)
def test_credentials_leave_the_address(text, url, user, password):
    read = read_address(text, "address")
    assert (read.url, read.user, read.password) == (url, user, password)


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map("rtsp://".__add__), st.integers(), st.none()))
def test_anything_is_read_or_refused_and_no_password_stays(text):
    with contextlib.suppress(InvalidProperties):
        url = read_address(text, "address").url
        assert url.startswith("simulator:") or "@" not in url.split("/")[2]
