"""Who decodes less when it is too much, and who more when there is room; which stream; how often the GUI looks."""

from dataclasses import replace

from common.media.access_unit import PRIMARY, SECONDARY
from smartclient.video.decode_budget import DecodeBudget, TileCost
from smartclient.video.pace import MANY_TILES, Pace
from smartclient.video.quality import SAVES, Level
from smartclient.video.stream_choice import StreamChoice
from smartclient.video.suspects import Suspects


def overload(budget: DecodeBudget, tiles: list[TileCost], busy: float, start_s: float = 100.0) -> dict[int, Level]:
    changed: dict[int, Level] = {}
    for turn in range(3):
        changed = budget.judge(start_s + turn, busy, 0.0, tiles)
    return changed


def test_a_passing_peak_changes_nothing() -> None:
    budget = DecodeBudget()
    tiles = [TileCost(number, Level.FULL, 0.2) for number in range(5)]
    assert budget.judge(1, 1.0, 2.0, tiles) == {}
    assert budget.judge(2, 1.0, 2.0, tiles) == {}
    assert budget.judge(3, 0.5, 0.0, tiles) == {}
    assert budget.judge(4, 1.0, 2.0, tiles) == {}


def test_the_dearest_unselected_tile_is_cut_first_and_the_selected_one_last() -> None:
    tiles = [TileCost(1, Level.FULL, 0.6, selected=True), TileCost(2, Level.FULL, 0.3), TileCost(3, Level.FULL, 0.1)]
    changed = overload(DecodeBudget(), tiles, 0.95)
    assert next(iter(changed)) == 2
    assert 1 not in changed
    at_the_end = [replace(tiles[0]), *(replace(tile, level=Level.KEYFRAMES) for tile in tiles[1:])]
    assert list(overload(DecodeBudget(), at_the_end, 1.0)) == [1]


def test_all_are_cut_by_the_same_before_one_is_cut_twice() -> None:
    tiles = [TileCost(number, Level.FULL, 0.1) for number in range(10)]
    changed = overload(DecodeBudget(), tiles, 1.0)
    assert len(changed) >= 5
    assert set(changed.values()) == {Level.THINNED}


def test_the_smaller_stream_comes_before_leaving_pictures_out() -> None:
    changed = overload(DecodeBudget(), [TileCost(1, Level.FULL, 0.95, has_smaller=True)], 0.95)
    assert changed[1] is Level.SMALLER


def test_an_overloaded_process_settles_and_recovers() -> None:
    """A model of 20 tiles that cost 1.6 cores: it gets below one core, does not swing, and all come back later."""
    budget = DecodeBudget()
    full = dict.fromkeys(range(20), 0.08)
    levels = dict.fromkeys(full, Level.FULL)

    def cost(number: int) -> float:
        left = full[number]
        for level in (Level.THINNED, Level.KEYFRAMES):
            if levels[number] >= level:
                left *= 1 - SAVES[level]
        return left

    changes = []
    for second in range(300):
        busy = min(1.0, sum(map(cost, full)))
        tiles = [TileCost(number, levels[number], cost(number)) for number in full]
        changed = budget.judge(float(second), busy, 0.5 if busy >= 1 else 0.0, tiles)
        levels |= changed
        changes.append(len(changed))
    assert sum(map(cost, full)) < 0.92
    assert sum(changes[200:]) <= 8
    full = dict.fromkeys(full, 0.02)
    for second in range(300, 1200):
        tiles = [TileCost(number, levels[number], cost(number)) for number in full]
        levels |= budget.judge(float(second), sum(map(cost, full)), 0.0, tiles)
    assert set(levels.values()) == {Level.FULL}


def test_a_small_tile_takes_the_smaller_stream_and_keeps_it_over_small_changes() -> None:
    choice = StreamChoice()
    assert choice.choose((240, 135), 1.0, False, 0.0) == SECONDARY
    choice.learn(SECONDARY, 640, 360)
    assert choice.choose((700, 394), 1.0, False, 0.0) == SECONDARY
    assert choice.choose((900, 506), 1.0, False, 0.0) == PRIMARY
    assert choice.choose((700, 394), 1.0, False, 0.0) == PRIMARY
    assert choice.choose((640, 360), 1.0, False, 0.0) == SECONDARY
    assert choice.choose((640, 360), 0.5, False, 0.0) == PRIMARY  # enlarged twice
    assert choice.choose((1920, 1080), 1.0, True, 0.0) == SECONDARY  # the computer is overloaded


def test_a_smaller_stream_that_is_missing_or_silent_is_left_alone() -> None:
    choice = StreamChoice()
    choice.silent(SECONDARY, 10.0)
    assert choice.choose((240, 135), 1.0, False, 20.0) == PRIMARY
    assert choice.choose((240, 135), 1.0, False, 100.0) == SECONDARY
    choice.missing(SECONDARY)
    assert not choice.has_smaller
    assert choice.choose((240, 135), 1.0, True, 1e9) == PRIMARY
    assert StreamChoice("secondary").choose((4000, 3000), 0.1, False, 0.0) == SECONDARY


def test_a_stream_that_kills_twice_rests_longer_each_time() -> None:
    suspects = Suspects()
    suspects.died_over("a", 0.0)
    assert suspects.rests_s("a", 0.0) == 0.0
    suspects.died_over("a", 1.0)
    assert suspects.rests_s("a", 1.0) == 30.0
    assert suspects.rests_s("b", 1.0) == 0.0
    suspects.died_over("a", 40.0)
    assert (suspects.rests_s("a", 40.0), suspects.deaths("a")) == (60.0, 3)
    suspects.died_over("a", 1000.0)
    assert (suspects.rests_s("a", 1000.0), suspects.deaths("a")) == (0.0, 1)


def test_the_gui_looks_less_often_only_while_its_thread_is_busy() -> None:
    pace = Pace()
    usual = pace.interval_ms

    def looks(start_s: float, share: float, tiles: int = 4) -> None:
        for number in range(240):
            now_s = start_s + number * 0.02
            pace.ticked(now_s, start_s * 2 + number * 0.02 * share, tiles)

    looks(10.0, 0.1)
    assert pace.interval_ms == usual
    looks(20.0, 0.95)
    assert pace.interval_ms > usual
    looks(30.0, 0.1)
    assert pace.interval_ms == usual
    looks(40.0, 0.1, tiles=MANY_TILES + 1)
    assert pace.interval_ms > usual
