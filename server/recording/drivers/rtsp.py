"""The driver for `rtsp://` and `rtsps://`: our own RTSP and RTP, the main and the sub-stream as two sessions.

Certificates of `rtsps` are not verified, as cameras come with self-signed ones.
"""

import asyncio
import logging

from common.foundation.errors import DeviceError, ProtocolError
from common.media.access_unit import PRIMARY, SECONDARY
from server.recording.drivers.contract import DeviceAddress, DeviceSink
from server.recording.drivers.rtsp_session import RtspSession
from server.recording.drivers.rtsp_tracks import Outlet, TrackList

log = logging.getLogger(__name__)

_SUB_RETRY_S = 15.0


class RtspDriver:
    """See Driver. A sub-stream that fails is tried again by itself and never ends the main stream."""

    async def run(self, address: DeviceAddress, sink: DeviceSink) -> None:
        """See Driver.run."""
        tracks = TrackList(sink)
        sub = asyncio.create_task(_run_sub(address, tracks), name=f"sub-stream {address.name}")
        try:
            outlets = {"video": Outlet(tracks, address.camera, PRIMARY)}
            if address.microphone is not None:
                outlets["audio"] = Outlet(tracks, address.microphone, PRIMARY)
            if address.metadata is not None:
                outlets["application"] = Outlet(tracks, address.metadata, PRIMARY)
            login = (address.user, address.password)
            await RtspSession(address.name, address.url, login, address.transport).run(tracks, outlets)
        except DeviceError as lost:
            lost.params.setdefault("camera", address.name)
            raise
        except ProtocolError as broken:
            raise DeviceError(f"protocol broken: {broken}", camera=address.name) from None
        finally:
            sub.cancel()
            await asyncio.wait([sub])


async def _run_sub(address: DeviceAddress, tracks: TrackList) -> None:
    """Keep the sub-stream running next to the main one, once that is up."""
    if not address.sub_url:
        return
    told = False
    while True:
        await tracks.announced.wait()
        outlet = Outlet(tracks, address.camera, SECONDARY)
        login = (address.user, address.password)
        try:
            await RtspSession(address.name, address.sub_url, login, address.transport).run(tracks, {"video": outlet})
        except (DeviceError, ProtocolError) as lost:
            if not told:
                log.warning("sub-stream lost, trying again", extra={"camera": address.name, "cause": str(lost)})
            told = True
        tracks.gone(outlet)
        await asyncio.sleep(_SUB_RETRY_S)
