"""Names of things: lower-case GUIDs, typed by what they name."""

import uuid
from typing import NewType

DeviceId = NewType("DeviceId", str)
"""A camera, microphone, speaker or metadata source: whatever records into tracks of its own."""
HardwareId = NewType("HardwareId", str)
RecorderId = NewType("RecorderId", str)
UserId = NewType("UserId", str)


def new_id() -> str:
    """Return a new random GUID, lower-case with hyphens."""
    return str(uuid.uuid4())


def normal_id(text: str) -> str:
    """Return a GUID in the one spelling we store; raise ValueError when it is none."""
    return str(uuid.UUID(text))
