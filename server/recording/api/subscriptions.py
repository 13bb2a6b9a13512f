"""The subscriptions of one viewer: live ones on the relay, recorded ones in playback groups."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from common.foundation.clock import Clock
from common.foundation.errors import NotPermitted, ProtocolError, VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, SECONDARY
from common.model.permissions import Verb
from common.net.tokens import Principal
from common.protocols.media_channel.closing import TooManySubscriptions
from common.protocols.media_channel.messages import (
    MOST_SUBSCRIPTIONS,
    Pause,
    Position,
    Resume,
    Seek,
    Speed,
    Step,
    Subscribe,
    Subscribed,
)
from server.recording.api.answers import subscription_error
from server.recording.api.devices import KnownTrack
from server.recording.api.live_source import LiveSource
from server.recording.api.sender import Sender, Source
from server.recording.api.services import RecorderServices
from server.recording.api.viewing_audit import ViewingAudit
from server.recording.mediadb.contract import TrackKey
from server.recording.playback.either_track import EitherTrack, GopSource
from server.recording.playback.group import PlaybackGroup
from server.recording.playback.playhead import Playhead
from server.recording.playback.read_ahead import ReadAhead
from server.recording.playback.track_player import TrackPlayer

GroupMessage = Seek | Step | Pause | Resume | Speed | Position


@dataclass(frozen=True, slots=True)
class _Subscription:
    device: DeviceId
    needs: Verb
    source: Source
    leave: Callable[[], None]


class Subscriptions:
    """Begins, steers and ends what one viewer watches. Playback runs in `tasks`."""

    def __init__(self, services: RecorderServices, sender: Sender, tasks: asyncio.TaskGroup) -> None:
        self._services = services
        self._clock: Clock = services.clock
        self._sender = sender
        self._tasks = tasks
        self._read_ahead = ReadAhead()
        self._viewing = ViewingAudit()
        self._subs: dict[int, _Subscription] = {}
        self._groups: dict[int, PlaybackGroup] = {}

    def begin(self, wanted: Subscribe, who: Principal | None) -> None:
        """Start a subscription, or tell the viewer why not. Raises TooManySubscriptions at the 257th."""
        if wanted.sub in self._subs:
            self.end(wanted.sub)
            twice = ProtocolError(f"subscription {wanted.sub} exists already", peer="The viewer")
            self._sender.say(subscription_error(twice, wanted.sub))
            return
        if len(self._subs) >= MOST_SUBSCRIPTIONS:
            raise TooManySubscriptions(f"more than {MOST_SUBSCRIPTIONS} subscriptions", server=self._services.name)
        key = TrackKey(wanted.device, wanted.track)
        try:
            removed_too = who is not None and who.is_administrator and wanted.from_us is not None
            known = self._services.devices.find(key, removed_too=removed_too)
            self._require(who, wanted, known)
        except VmsError as error:
            self._sender.say(subscription_error(error, wanted.sub))
            return
        self._viewing.watched(who, wanted.device, known, wanted.from_us)
        self._sender.say(Subscribed(wanted.sub, known.kind))
        if wanted.from_us is None:
            self._begin_live(wanted, key)
        else:
            self._begin_recorded(wanted, key, known.kind == "audio")

    def _require(self, who: Principal | None, wanted: Subscribe, known: KnownTrack) -> None:
        try:
            self._services.access.require(who, _needed(wanted), wanted.device)
        except NotPermitted as refused:
            self._viewing.refused(who, wanted.device, known, str(refused))
            raise

    def end(self, sub: int) -> None:
        """End a subscription; unknown numbers are ignored."""
        subscription = self._subs.pop(sub, None)
        if subscription is not None:
            subscription.leave()
            self._sender.forget(subscription.source)

    def end_all(self) -> None:
        for sub in tuple(self._subs):
            self.end(sub)

    def check(self, who: Principal | None) -> None:
        """End, with a word to the viewer, what they may not watch any more."""
        for sub, subscription in tuple(self._subs.items()):
            try:
                self._services.access.require(who, subscription.needs, subscription.device)
            except NotPermitted as error:
                self._failed(sub, error)

    def steer(self, message: GroupMessage) -> None:
        """Move a group; one that does not exist (any more) is ignored."""
        group = self._groups.get(message.group)
        if group is None:
            return
        if isinstance(message, Seek):
            group.seek(message.to_us, message.generation)
        elif isinstance(message, Step):
            group.step(message.from_us, message.count, message.generation)
        elif isinstance(message, Pause):
            group.pause()
        elif isinstance(message, Resume):
            group.resume()
        elif isinstance(message, Speed):
            group.change_speed(message.speed, message.at_us, message.generation)
        else:
            group.client_at(message.at_us)

    def _begin_live(self, wanted: Subscribe, key: TrackKey) -> None:
        source = LiveSource(wanted.sub)
        wake = partial(self._sender.wake_now, source)
        source.joined(*self._services.relay.watch(key, wake))
        leave = partial(self._services.relay.leave, key, wake)
        self._subs[wanted.sub] = _Subscription(wanted.device, _needed(wanted), source, leave)
        wake()

    def _begin_recorded(self, wanted: Subscribe, key: TrackKey, sound: bool) -> None:
        assert wanted.from_us is not None
        number = wanted.group_number
        group = self._groups.get(number)
        if group is None:
            playhead = Playhead(wanted.from_us, wanted.speed, wanted.paused, self._clock.monotonic_s())
            group = self._groups[number] = PlaybackGroup(playhead, wanted.generation, self._clock, self._tasks)
        player = TrackPlayer(
            wanted.sub,
            key,
            sound,
            pool=self._recordings(wanted, key),
            read_ahead=self._read_ahead,
            wake=lambda: self._sender.wake(player),
            failed=partial(self._failed, wanted.sub),
        )
        leave = partial(self._leave_group, number, wanted.sub)
        self._subs[wanted.sub] = _Subscription(wanted.device, _needed(wanted), player, leave)
        group.join(player, wanted.from_us if group.empty else None)

    def _recordings(self, wanted: Subscribe, key: TrackKey) -> GopSource:
        """Both tracks of a camera where the viewer says how wide it shows it, and there are two."""
        both = wanted.width_px > 0 and key.track == PRIMARY
        if both and self._services.devices.is_known(TrackKey(key.device, SECONDARY)):
            return EitherTrack(self._services.recordings, wanted.width_px)
        return self._services.recordings

    def _leave_group(self, number: int, sub: int) -> None:
        group = self._groups[number]
        group.leave(sub)
        if group.empty:
            del self._groups[number]

    def _failed(self, sub: int, error: VmsError) -> None:
        self.end(sub)
        self._sender.say(subscription_error(error, sub))


def _needed(wanted: Subscribe) -> Verb:
    return Verb.VIEW_LIVE if wanted.from_us is None else Verb.PLAYBACK
