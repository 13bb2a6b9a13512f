"""Names, sizes, strengths and the order book of exports."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.errors import StorageError
from smartclient.exporting.orders import Order, OrderBook, OrderPart
from smartclient.exporting.wording import folder_name, size_text, strength, suggested_name
from smartclient.playback.transport import length_text


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (840_000, "840 kB"), (1_234_000_000, "1.2 GB"), (999_600, "1.0 MB")],
)
def test_sizes(size: int, said: str) -> None:
    assert size_text(size) == said


@pytest.mark.parametrize(
    ("length_us", "said"),
    [
        (400_000, "0.4 s"),
        (200_000_000, "3 min 20 s"),
        (60_000_000, "1 min"),
        (7_500_000_000, "2 h 5 min"),
        (273_600_000_000, "3 d 4 h"),
        (3_605_000_000, "1 h"),
    ],
)
def test_lengths(length_us: int, said: str) -> None:
    assert length_text(length_us) == said


@given(st.text(max_size=300))
def test_a_folder_name_is_one_part_of_a_path_everywhere(name: str) -> None:
    made = folder_name(name)
    assert not set(made) & set('<>:"/\\|?*\n\t\0')
    assert made not in (".", "..")
    assert made == made.strip(" .")
    assert len(made) <= 121


def test_reserved_names_are_changed() -> None:
    assert folder_name("con") == "_con"
    assert folder_name("LPT1.txt") == "_LPT1.txt"


def test_names_say_who_and_when() -> None:
    start, end = datetime(2026, 11, 23, 14, 3), datetime(2026, 11, 23, 14, 6)  # noqa: DTZ001 - as shown
    assert suggested_name(("Gate",), start, end) == "Gate 2026-11-23 14.03.00 to 14.06.00"
    assert suggested_name(("Gate", "Yard", "Hall"), start, end).startswith("Gate +2 2026")


def test_strength_rises_with_length_and_kinds() -> None:
    assert [strength(word) for word in ("short", "abcdefgh", "aaaaaaaaaaaaaaaaaa", "A red van at 14:03")] == [
        0,
        1,
        1,
        3,
    ]
    assert strength("abcdefghijk1") <= strength("abcdefghijk1A!x9")


def order(number: int, user: str = "anna") -> Order:
    part = OrderPart(recorder="r", job=f"j{number}")
    return Order(
        id=str(number),
        name=f"Export {number}",
        folder="/films/x",
        format="mp4",
        created_us=number,
        server="https://a",
        user=user,
        parts=(part,),
    )


def test_the_book_keeps_orders_by_user_and_survives_garbage(tmp_path: Path) -> None:
    book = OrderBook(tmp_path / "deep" / "orders.json")
    assert book.of("https://a", "anna") == []
    book.put("https://a", "anna", [order(1), order(2)])
    book.put("https://a", "bert", [order(3, "bert")])
    book.put("https://a", "anna", [order(2)])
    assert [each.id for each in book.of("https://a", "anna")] == ["2"]
    assert [each.id for each in book.of("https://a", "bert")] == ["3"]
    (tmp_path / "deep" / "orders.json").write_bytes(b"\xff{[")
    assert book.of("https://a", "anna") == []
    book.put("https://a", "anna", [order(4)])
    assert [each.id for each in book.of("https://a", "anna")] == ["4"]


def test_a_book_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        OrderBook(tmp_path / "file" / "orders.json").put("https://a", "anna", [order(1)])
