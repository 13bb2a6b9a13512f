"""Answers what is not recorded and why, and timelines."""

from common.model.permissions import Verb
from common.net.tokens import Principal
from common.protocols.media_channel.messages import Gaps, GapsQuery, Timeline, TimelineQuery, TimelineTrack
from server.recording.api.services import RecorderServices
from server.recording.ledger.reasons import Reason
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.timeline import Buckets

_MOST_DETAIL_CHARACTERS = 300  # 4,000 gaps must fit into one message
_REASONS = tuple(Reason)
_CODES = {reason: number for number, reason in enumerate(_REASONS, 1)}


async def gaps(services: RecorderServices, query: GapsQuery, who: Principal | None) -> Gaps:
    """Raises NoSuchTrack, NotPermitted, or StorageError."""
    key = TrackKey(query.device, query.track)
    _find(services, key, who)
    if query.from_us >= query.to_us:
        return Gaps(query.id, ())
    found = await services.recordings.gaps(key, Span(query.from_us, query.to_us))
    items = tuple(
        (gap.start, gap.end, gap.reason.value, gap.detail[:_MOST_DETAIL_CHARACTERS]) for gap in found[: query.limit]
    )
    return Gaps(query.id, items, complete=len(found) <= query.limit)


async def timeline(services: RecorderServices, query: TimelineQuery, who: Principal | None) -> Timeline:
    """Raises NoSuchTrack, NotPermitted, or StorageError."""
    keys = [TrackKey(device, query.track) for device in query.devices]
    for key in keys:
        _find(services, key, who)
    words = tuple(reason.value for reason in _REASONS)
    if query.from_us >= query.to_us:
        return Timeline(query.id, words, ())
    buckets = Buckets(Span(query.from_us, query.to_us), query.buckets)
    found = await services.recordings.timeline(keys, buckets)
    tracks = tuple(
        TimelineTrack(
            key.device,
            bytes(map(_share, line.shares)),
            bytes(0 if reason is None else _CODES[reason] for reason in line.reasons),
        )
        for key, line in found.items()
    )
    return Timeline(query.id, words, tracks)


def _find(services: RecorderServices, key: TrackKey, who: Principal | None) -> None:
    services.devices.find(key, removed_too=who is not None and who.is_administrator)
    services.access.require(who, Verb.PLAYBACK, key.device)


def _share(share: float) -> int:
    """0 only for nothing, 255 only for everything."""
    return 255 if share >= 1 else 0 if share <= 0 else max(1, min(254, round(share * 255)))
