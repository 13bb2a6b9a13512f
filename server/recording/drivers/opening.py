"""Which driver speaks to a device: chosen by the scheme of its address.

libav and the simulator's picture maker are loaded when the first device needs them: they take 35 MB in every engine.
"""

from urllib.parse import urlsplit

from common.foundation.errors import DeviceRefused
from server.recording.drivers.contract import DeviceAddress, Driver
from server.recording.drivers.paced_reader import PacedReader
from server.recording.drivers.rtsp import RtspDriver


class AddressWrong(DeviceRefused):
    """An address that names nothing we could connect to."""

    message_key = "driver.address_wrong"


def driver_for(address: DeviceAddress, paced: PacedReader | None = None) -> Driver:
    """Return a driver for `address`; raises AddressWrong when its URL is none. `paced`: as in RtspDriver."""
    if address.url.startswith("simulator:"):
        from server.recording.drivers.simulator import SimulatorDriver

        return SimulatorDriver()
    try:
        parts = urlsplit(address.url)
        port = parts.port
    except ValueError as broken:
        raise AddressWrong(f"the address cannot be read: {broken}", camera=address.name) from None
    if parts.scheme.lower() in ("rtsp", "rtsps"):
        if not parts.hostname or port == 0:
            raise AddressWrong("the address names no host", camera=address.name)
        return RtspDriver(paced)
    if not address.url.strip():
        raise AddressWrong("the address is empty", camera=address.name)
    from server.recording.drivers.libav import LibavDriver

    return LibavDriver()
