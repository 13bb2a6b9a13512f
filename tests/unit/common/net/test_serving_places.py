"""Which address of a site's management servers is used next."""

import pytest

from common.foundation.errors import ServerUnreachable
from common.net.serving_places import ServingPlaces

A, B, C = "https://a", "https://b:8443", "https://c"


def test_the_one_that_is_named_is_next_though_nobody_told_of_it():
    places = ServingPlaces([f"{A}/"])
    assert places.current == A
    assert places.leave(A, {A}, B)
    assert places.current == B


def test_each_is_tried_once_and_then_it_is_over_for_now():
    places = ServingPlaces([A, B, C])
    tried = {A}
    assert places.leave(A, tried)
    tried.add(places.current)
    assert places.leave(places.current, tried)
    tried.add(places.current)
    assert tried == {A, B, C}
    assert not places.leave(places.current, tried)


def test_what_stands_by_without_naming_anybody_leads_to_the_next():
    places = ServingPlaces([A, B])
    assert places.leave(A, {A}, "-")
    assert places.current == B


def test_two_that_name_each_other_are_not_followed_for_ever():
    places = ServingPlaces([A, B])
    assert places.leave(A, {A}, B)
    assert not places.leave(B, {A, B}, A)


def test_servers_cannot_make_it_remember_without_end():
    places = ServingPlaces([A])
    for number in range(1000):
        places.leave(places.current, {A}, f"https://x{number}")
    assert len(places._places) <= 16


@pytest.mark.parametrize("address", ["http://a", "a", "", "https://"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ServerUnreachable):
        ServingPlaces([A, address])
