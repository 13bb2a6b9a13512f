"""What hangs below a removed item goes with it on a database that has no cascades, as SQL Server has none."""

import pytest
from sqlalchemy import MetaData, create_engine, event, func, select
from sqlalchemy.orm import Session

from server.management.database.cascades import remove_below
from server.management.database.schema import METADATA
from server.management.database.tables import AccountRow, ItemRow, MembershipRow


def item(identifier, parent=None):
    return ItemRow(
        id=identifier, kind="x", parent_id=parent, version=1, created_us=0, modified_us=0, properties="{}", secrets=None
    )


@pytest.fixture
def session():
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
    plain = MetaData()
    for table in METADATA.sorted_tables:
        copy = table.to_metadata(plain)
        for constraint in copy.foreign_key_constraints:
            constraint.ondelete = None
    plain.create_all(engine)
    with Session(engine) as opened:
        event.listen(opened, "before_flush", remove_below)
        yield opened
    engine.dispose()


def test_a_tree_goes_from_the_leaves_up_and_nothing_beside_it(session):
    for row in (
        item("root"),
        item("a", "root"),
        item("a1", "a"),
        item("a1x", "a1"),
        item("b", "root"),
        item("b1", "b"),
    ):
        session.add(row)
        session.flush()
    session.add(AccountRow(user_id="a1", name_key="anna", password_hash="h"))
    session.add(MembershipRow(role_id="b", user_id="a1"))
    session.add(MembershipRow(role_id="b", user_id="b1"))
    session.commit()
    session.delete(session.get(ItemRow, "a"))
    session.commit()
    session.expire_all()
    assert sorted(session.scalars(select(ItemRow.id))) == ["b", "b1", "root"]
    assert session.scalar(select(func.count()).select_from(AccountRow)) == 0
    assert list(session.scalars(select(MembershipRow.user_id))) == ["b1"]


def test_a_thousand_children_go_in_several_statements(session):
    session.add(item("root"))
    session.flush()
    session.add_all(item(f"c{number}", "root") for number in range(1000))
    session.commit()
    session.delete(session.get(ItemRow, "root"))
    session.commit()
    assert session.scalar(select(func.count()).select_from(ItemRow)) == 0


def test_children_that_are_removed_by_name_too_are_removed_once(session):
    session.add_all([item("root")])
    session.flush()
    session.add(AccountRow(user_id="root", name_key="anna", password_hash="h"))
    session.commit()
    session.delete(session.get(AccountRow, "root"))
    session.delete(session.get(ItemRow, "root"))
    session.commit()
    assert session.scalar(select(func.count()).select_from(ItemRow)) == 0
