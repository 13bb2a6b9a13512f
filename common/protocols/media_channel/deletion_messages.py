"""What a client says of deletions that wait: see FORMAT.md beside this file."""

from dataclasses import dataclass
from typing import ClassVar

from common.protocols.media_channel import fields
from common.protocols.media_channel.fields import wire


@dataclass(frozen=True, slots=True)
class DeletionConfirm:
    """Let a storage delete what its safety stop holds back (administrators)."""

    op: ClassVar = "deletion_confirm"
    id: int = wire(fields.u32)
    storage: str = wire(fields.name)
