"""Which engine has which hardware."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from common.foundation.ids import HardwareId
from server.recording.assignment import spread

IDS = st.sets(st.integers(0, 300).map(lambda n: HardwareId(f"hardware-{n}")), max_size=60)


@given(IDS, st.integers(1, 8))
def test_hardware_is_spread_evenly_and_always_alike(hardware: set[HardwareId], engines: int) -> None:
    placed = spread(hardware, {}, engines)
    assert set(placed) == hardware
    load = Counter(placed.values())
    loads = [load[number] for number in range(engines)]
    assert max(loads) - min(loads) <= 1
    assert placed == spread(sorted(hardware, reverse=True), {}, engines)


@given(IDS, IDS, st.integers(1, 8))
def test_what_stays_keeps_its_engine(before: set[HardwareId], after: set[HardwareId], engines: int) -> None:
    first = spread(before, {}, engines)
    second = spread(after, first, engines)
    assert all(second[item] == first[item] for item in before & after)


@given(IDS, st.integers(2, 8))
def test_fewer_engines_take_everything(hardware: set[HardwareId], engines: int) -> None:
    fewer = spread(hardware, spread(hardware, {}, engines), engines - 1)
    assert set(fewer) == hardware
    assert all(number < engines - 1 for number in fewer.values())
