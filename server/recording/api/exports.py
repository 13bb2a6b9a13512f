"""Exports as viewers ask for them: who may, of what, and what they are answered."""

from typing import Any, Protocol

from common.api.exporting import ExportEstimate, ExportFile, ExportJob, ExportRequest
from common.foundation.errors import NotPermitted
from common.media.access_unit import PRIMARY, TrackName
from common.model.permissions import Verb
from common.net.tokens import Principal
from common.protocols.media_channel.messages import (
    ExportControl,
    ExportCreate,
    ExportEstimated,
    ExportList,
    Exports,
    ServerMessage,
)
from server.recording.access import Access
from server.recording.api.devices import DeviceDirectory
from server.recording.api.requests import checked_request
from server.recording.mediadb.contract import TrackKey


class ExportService(Protocol):
    """The recorder's export jobs."""

    async def estimate(self, request: ExportRequest) -> ExportEstimate: ...

    async def create(self, request: ExportRequest, who: Principal) -> ExportJob: ...

    def seen_by(self, who: Principal) -> list[ExportJob]: ...

    def status(self, job: str, who: Principal) -> ExportJob: ...

    async def control(self, job: str, action: Any, who: Principal) -> ExportJob:
        """`action` is one of the words of `ExportControl`."""

    async def open_file(self, job: str, name: str, who: Principal) -> tuple[int, ExportFile]: ...

    async def read(self, fd: int, size: int, offset: int) -> bytes: ...


async def answer_export(
    message: ExportCreate | ExportList | ExportControl,
    service: ExportService,
    devices: DeviceDirectory,
    access: Access,
    who: Principal | None,
) -> ServerMessage:
    """Do what a viewer asks of exports. Raises NotPermitted, NoSuchTrack, ProtocolError and what the service raises."""
    if who is None:
        raise NotPermitted("export recordings")
    if isinstance(message, ExportList):
        return Exports(message.id, tuple(_wire(job) for job in service.seen_by(who)))
    if isinstance(message, ExportControl):
        return Exports(message.id, (_wire(await service.control(message.job, message.action, who)),))
    request = _named(
        checked_request(ExportRequest, message.request, message.op), devices, removed_too=who.is_administrator
    )
    for item in request.items:
        for device in filter(None, (item.device, item.microphone)):
            access.require(who, Verb.EXPORT, device)
    if message.estimate:
        found = await service.estimate(request)
        return ExportEstimated(message.id, found.media_bytes, found.needed_bytes, found.free_bytes)
    return Exports(message.id, (_wire(await service.create(request, who)),))


def _wire(job: ExportJob) -> dict[str, Any]:
    return job.short().model_dump(mode="json")


def _named(request: ExportRequest, devices: DeviceDirectory, *, removed_too: bool) -> ExportRequest:
    """The request with our names of its devices; raises NoSuchTrack for those that are not to be seen."""
    items = []
    for item in request.items:
        known = devices.find(TrackKey(item.device, TrackName(item.track)), removed_too=removed_too)
        if item.microphone is not None:
            devices.find(TrackKey(item.microphone, PRIMARY), removed_too=removed_too)
        items.append(item.model_copy(update={"name": known.name[:200]}))
    return request.model_copy(update={"items": tuple(items)})
