"""The journal of the service channel: numbers, what is kept, and who is too far behind."""

from common.foundation.clock import SystemClock
from server.management.channel.journal import Journal
from server.management.database.store import ItemChange


def changes(count: int) -> list[ItemChange]:
    return [ItemChange("changed", "cameras", str(number), number) for number in range(count)]


async def told(journal: Journal, number: int) -> None:
    """Let the loop take in what happened, up to a number."""
    while journal.last < number:
        await journal.next().wait()


async def test_what_is_kept_can_be_asked_for() -> None:
    journal = Journal(SystemClock(), most=5)
    assert journal.after(0) == []
    journal.happened(changes(3))
    await told(journal, 3)
    assert [notice.number for notice in journal.after(1) or []] == [2, 3]
    journal.happened(changes(4))
    await told(journal, 7)
    assert [notice.number for notice in journal.after(2) or []] == [3, 4, 5, 6, 7]
    assert journal.after(7) == []
    assert journal.after(1) is None  # 2 is forgotten
    assert journal.after(8) is None  # a number of another journal


async def test_changes_of_one_transaction_wake_once_and_together() -> None:
    journal = Journal(SystemClock())
    following = journal.next()
    journal.happened(changes(100))
    await following.wait()
    assert journal.last == 100
    journal.happened([])
    assert not journal.next().is_set()


async def test_two_journals_have_different_epochs() -> None:
    assert Journal(SystemClock()).epoch != Journal(SystemClock()).epoch
