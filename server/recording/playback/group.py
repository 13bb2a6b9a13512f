"""A group of recorded tracks that play together: one playhead, one generation, several devices and their sound."""

import asyncio
import math
from dataclasses import dataclass

from common.foundation.clock import Clock, UtcUs
from server.recording.playback.course import Start
from server.recording.playback.playhead import Playhead
from server.recording.playback.track_player import TrackPlayer


@dataclass(slots=True)
class _Member:
    player: TrackPlayer
    task: asyncio.Task[None]


class PlaybackGroup:
    """Moves the playhead, and starts a new course of every track with each seek, step and change of speed.

    The tasks that play run in `tasks` and are cancelled by `leave`.
    """

    def __init__(self, playhead: Playhead, generation: int, clock: Clock, tasks: asyncio.TaskGroup) -> None:
        self._playhead = playhead
        self._generation = generation
        self._clock = clock
        self._tasks = tasks
        self._members: dict[int, _Member] = {}
        self._changed = asyncio.Event()
        self._step_generation: int | None = None
        self._step_direction = 0
        self._landed: UtcUs | None = None

    @property
    def empty(self) -> bool:
        return not self._members

    def join(self, player: TrackPlayer, at: UtcUs | None = None) -> None:
        """Play another track, from where the group is unless `at` says better."""
        player.begin(self._generation)
        start = self._start(player, self._position() if at is None else at)
        self._members[player.sub] = _Member(player, self._play(player, start))

    def leave(self, sub: int) -> None:
        member = self._members.pop(sub)
        member.task.cancel()
        member.player.clear()

    def seek(self, to: UtcUs, generation: int) -> None:
        self._playhead.move(to, self._clock.monotonic_s())
        self._restart(to, generation)

    def step(self, shown_at: UtcUs, count: int, generation: int) -> None:
        now_s = self._clock.monotonic_s()
        self._playhead.pause(now_s)
        self._playhead.move(shown_at, now_s)
        self._step_generation, self._step_direction, self._landed = generation, count, None
        self._restart(shown_at, generation, count)

    def pause(self) -> None:
        self._playhead.pause(self._clock.monotonic_s())
        self._notify()

    def resume(self) -> None:
        self._playhead.resume(self._clock.monotonic_s())
        self._notify()

    def change_speed(self, speed: float, at: UtcUs, generation: int) -> None:
        self._playhead.change_speed(speed, at, self._clock.monotonic_s())
        self._restart(at, generation)

    def client_at(self, at: UtcUs) -> None:
        """The client says where its playhead really is."""
        self._playhead.move(at, self._clock.monotonic_s())
        self._notify()

    # what its tracks ask

    async def running(self) -> UtcUs:
        while self._playhead.paused:
            await self._changed.wait()
        return self._position()

    async def due(self, at: UtcUs) -> None:
        while (wait_s := self._playhead.seconds_until_due(at, self._clock.monotonic_s())) > 0:
            changed = self._changed
            try:
                async with asyncio.timeout(None if math.isinf(wait_s) else wait_s):
                    await changed.wait()
            except TimeoutError:
                continue

    def landed(self, at: UtcUs, generation: int) -> None:
        """The playhead after a step: the nearest picture that any of the tracks shows for it."""
        if generation != self._step_generation:
            return
        nearer = min if self._step_direction > 0 else max
        self._landed = at if self._landed is None else nearer(at, self._landed)
        self._playhead.move(self._landed, self._clock.monotonic_s())

    def _position(self) -> UtcUs:
        return self._playhead.position(self._clock.monotonic_s())

    def _start(self, player: TrackPlayer, at: UtcUs, step: int = 0) -> Start:
        return Start(at, self._playhead.speed, 0 if player.sound else step, player.sound)

    def _restart(self, at: UtcUs, generation: int, step: int = 0) -> None:
        self._generation = generation
        for member in self._members.values():
            member.task.cancel()
            member.player.begin(generation)
            member.task = self._play(member.player, self._start(member.player, at, step))
        self._notify()

    def _play(self, player: TrackPlayer, start: Start) -> asyncio.Task[None]:
        return self._tasks.create_task(player.play(start, self), name=f"playback {player.key.device} {player.sub}")

    def _notify(self) -> None:
        """Wake everybody who waits for the playhead; whoever waits next waits for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()
