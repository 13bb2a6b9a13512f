"""One small picture of a recording in the decoder process: a subscription that ends with its first keyframe."""

import asyncio
import itertools
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Executor

from common.clients.media import MediaConnection
from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, CodecConfig
from common.media.snapshot import jpeg_of
from common.protocols.media_channel.messages import Edge, Error, Gap, Seek, ServerMessage, Subscribe
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind, config_of
from smartclient.video.control import AskThumbnail, Thumbnail
from smartclient.video.recorder_link import RecorderLink

_FIRST_SUB = 1 << 24  # above those of all tiles
_WAIT_S = 8.0

_subs = itertools.count(_FIRST_SUB)


class ThumbnailTrack:
    """Subscribes paused, in a group of its own, so that the recorder sends one group of pictures and no more."""

    def __init__(self, asked: AskThumbnail, pool: Executor) -> None:
        self._asked = asked
        self._pool = pool
        self.sub = _FIRST_SUB + next(_subs) % _FIRST_SUB
        self._connection: MediaConnection | None = None
        self._config: CodecConfig | None = None
        self._found: asyncio.Future[MediaRecord | None] = asyncio.get_running_loop().create_future()
        self._moved = 0

    async def run(self, link: RecorderLink, report: Callable[[Thumbnail], None]) -> None:
        """Report the picture, that there is none, or why it cannot be known."""
        asked = self._asked
        try:
            async with asyncio.timeout(_WAIT_S):
                link.add(self)
                record = await self._found
        except TimeoutError:
            report(Thumbnail(asked.id, error="the recording server did not answer in time"))
            return
        except VmsError as error:
            report(Thumbnail(asked.id, error=str(error)))
            return
        finally:
            link.remove(self)
        if record is None or self._config is None:
            report(Thumbnail(asked.id))
            return
        unit, config = record.access_unit(), self._config
        loop = asyncio.get_running_loop()
        try:
            jpeg = await loop.run_in_executor(self._pool, jpeg_of, config, unit, asked.width_px)
        except VmsError as error:
            report(Thumbnail(asked.id, error=str(error)))
            return
        report(Thumbnail(asked.id, unit.utc_us, b64encode(jpeg).decode()))

    # Track

    def connected(self, connection: MediaConnection) -> None:
        self._connection = connection
        asked = self._asked
        at, device = UtcUs(asked.at_us), DeviceId(asked.device)
        connection.send(
            Subscribe(self.sub, device, PRIMARY, at, None, 1.0, paused=True, generation=0, width_px=asked.width_px)
        )

    def message(self, message: ServerMessage) -> None:
        if self._found.done():
            return
        if isinstance(message, Error):
            self._found.set_exception(VmsError(message.message))
        elif isinstance(message, Edge):
            self._found.set_result(None)
        elif isinstance(message, Gap):
            following = message.to_us
            if following is None or following >= self._asked.to_us or self._moved:
                self._found.set_result(None)
                return
            self._moved += 1  # the recording begins within the span: its first picture stands for it
            assert self._connection is not None
            self._connection.send(Seek(self.sub, following, self._moved))

    def record(self, record: MediaRecord) -> None:
        if self._found.done():
            return
        if record.kind is RecordKind.CONFIG:
            try:
                self._config = config_of(record)
            except VmsError as error:
                self._found.set_exception(error)
        elif (
            record.kind is RecordKind.VIDEO
            and record.flags & RecordFlags.KEYFRAME
            and record.generation == self._moved
            and record.utc_us < self._asked.to_us
        ):
            self._found.set_result(record)
