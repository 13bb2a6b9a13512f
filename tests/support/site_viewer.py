"""A viewer of a whole site for tests: the real client library over TLS, and what it got."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from common.clients.media import MediaConnection, open_media_connection
from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import AccessUnit
from common.media.decoding import Picture, VideoDecoder
from common.protocols.media_channel.messages import Sequences, SequencesQuery, ServerMessage, State
from common.protocols.media_channel.records import MediaRecord, RecordKind, config_of
from tests.support.running_site import RunningSite


class SiteViewer:
    """Keeps messages and media records; decodes video when asked."""

    def __init__(self) -> None:
        self.messages: list[ServerMessage] = []
        self.media: list[MediaRecord] = []
        self.connection: MediaConnection | None = None
        self._questions = 0

    # MediaListener

    def message(self, message: ServerMessage) -> None:
        self.messages.append(message)

    def records(self, records: list[MediaRecord]) -> None:
        self.media += records

    def closed(self, error: VmsError | None) -> None: ...

    @property
    def units(self) -> list[MediaRecord]:
        return [record for record in self.media if record.kind is RecordKind.VIDEO]

    @property
    def states(self) -> list[State]:
        return [message for message in self.messages if isinstance(message, State)]

    def is_in(self, state: str) -> bool:
        return bool(self.states) and self.states[-1].state == state

    async def until(self, condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.02)

    async def sequences(self, device: DeviceId, start: UtcUs, end: UtcUs) -> tuple[tuple[UtcUs, UtcUs], ...]:
        """Ask what is recorded."""
        assert self.connection is not None
        self._questions += 1
        number = self._questions
        self.connection.send(SequencesQuery(number, device, start, end))
        found: list[Sequences] = []

        def answered() -> bool:
            found[:] = [m for m in self.messages if isinstance(m, Sequences) and m.id == number]
            return bool(found)

        await self.until(answered)
        return found[0].spans

    def pictures(self) -> list[Picture]:
        """Decode all video so far."""
        decoder: VideoDecoder | None = None
        shown: list[Picture] = []
        for record in self.media:
            if record.kind is RecordKind.CONFIG:
                decoder = VideoDecoder(config_of(record))
            elif record.kind is RecordKind.VIDEO and decoder is not None:
                unit = AccessUnit(record.payload, record.pts, record.dts, record.utc_us, bool(record.flags & 1))
                shown += decoder.decode(unit)
        return shown


@asynccontextmanager
async def site_viewer(site: RunningSite) -> AsyncIterator[SiteViewer]:
    viewer = SiteViewer()
    token = site.client.access_token()
    async with open_media_connection(site.media_uri, site.tls(), token, viewer) as connection:
        viewer.connection = connection
        yield viewer
