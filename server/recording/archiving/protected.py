"""Recordings that no job may delete or thin out: those under an evidence lock."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from common.foundation.ids import DeviceId
from server.recording.mediadb.contract import Span

Locked = Callable[[DeviceId, Span], bool]
"""Whether any instant of a device's recordings in this span is locked."""
Gate = Callable[[], AbstractContextManager[object]]
"""Keeps new locks waiting while it is entered: what `Locked` says inside is true until it is left. Keep that short."""
