"""Parts of a span follow each other; the way in and back ends where it began."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from smartclient.search.intervals import LEAST_US, Path, parts

SPANS = st.tuples(st.integers(0, 10**15), st.integers(2 * LEAST_US, 10**14)).map(lambda p: (p[0], p[0] + p[1]))


@given(SPANS, st.integers(1, 40))
def test_parts_cover_the_span_without_gaps(span: tuple[int, int], count: int) -> None:
    made = parts(span, count)
    assert (made[0][0], made[-1][1]) == span
    assert all(a[1] == b[0] for a, b in itertools.pairwise(made))
    assert 1 <= len(made) <= count
    lengths = {end - start for start, end in made}
    assert min(lengths) >= min(LEAST_US, span[1] - span[0])
    assert max(lengths) - min(lengths) <= 1


@given(SPANS, st.lists(st.integers(0, 7), max_size=40))
def test_narrowing_ends_and_leads_back(span: tuple[int, int], choices: list[int]) -> None:
    path = Path([span])
    went = [span]
    for choice in choices:
        cut = parts(path.span, 8)
        if path.narrow(cut[choice % len(cut)]):
            went.append(path.span)
    while len(path.spans) > 1:
        assert path.span == went.pop()
        assert path.widen()
    assert path.span == span
    assert path.widen()
    assert path.span[0] <= span[0] < span[1] < path.span[1]
