"""Servers find each other by real multicast DNS, where this machine has any."""

import asyncio
import threading

import pytest

from common.net.discovery import DiscoveryUnavailable, ServerBrowser, announced


async def test_an_announced_server_is_found_and_forgotten():
    found, gone = threading.Event(), threading.Event()

    def changed(servers):
        names = [each for each in servers if each.name == "Discovery test 7"]
        if names:
            assert names[0].url == "https://127.0.0.1:4567"
            assert names[0].ca_sha256 == "AB:CD"
            found.set()
        elif found.is_set():
            gone.set()

    try:
        with ServerBrowser(changed):
            async with announced("Discovery test 7", 4567, "AB:CD", ["127.0.0.1"]):
                assert await asyncio.to_thread(found.wait, 15)
            assert await asyncio.to_thread(gone.wait, 15)
    except DiscoveryUnavailable as error:
        pytest.skip(f"no multicast here: {error}")
