"""A few at a time for each, and nobody waits."""

import pytest

from partner_api.kernel.at_once import AtOnce
from partner_api.kernel.errors import RateLimited


def test_each_key_has_its_places_and_no_more() -> None:
    places = AtOnce(2, "too many")
    with places.place("a"), places.place("a"):
        with pytest.raises(RateLimited, match="too many"), places.place("a"):
            pass
        with places.place("b"):
            pass
    with places.place("a"), places.place("a"):
        pass


def test_a_place_is_free_again_however_it_was_left() -> None:
    places = AtOnce(1, "too many")
    for _ in range(2):
        with pytest.raises(KeyError), places.place("a"):
            raise KeyError
    with places.place("a"):
        pass
    assert not places._taken
