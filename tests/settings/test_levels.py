"""What holds when several levels choose, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.settings.levels import Level, OutOfOrder, effective, require_order, server_level
from partner_api.settings.names import BOUNDS, DEFAULTS, THRESHOLDS, Setting, Values

S, O, C = THRESHOLDS  # noqa: E741 - as in the table below
SERVER = server_level(240)


def levels(msp: Values, organization: Values) -> list[Level]:
    return [SERVER, Level("the MSP's", msp), Level("the organization's", organization)]


def test_the_nearest_choice_holds() -> None:
    found = effective(levels({S: 100, O: 200}, {O: 300, C: 400}))
    assert found == {**DEFAULTS, Setting.CHECK_IN_INTERVAL: 240, S: 100, O: 300, C: 400}


def test_equal_thresholds_are_in_order() -> None:
    require_order(levels({S: 500, O: 500}, {C: 500}), {C})


@pytest.mark.parametrize(
    ("msp", "organization", "changed", "message"),
    [
        (
            {S: 3601},
            {},
            {S},
            (
                "streamingSeconds: 3601 (the MSP's) is more than onlineSeconds, 3600 "
                "(the server's); it must be at most 3600"
            ),
        ),
        (
            {},
            {O: 299},
            {O},
            (
                "onlineSeconds: 299 (the organization's) is less than streamingSeconds, 300 "
                "(the server's); it must be at least 300"
            ),
        ),
        (
            {O: 90000, C: 100000},
            {C: 89999},
            {C},
            (
                "criticalSeconds: 89999 (the organization's) is less than onlineSeconds, 90000 "
                "(the MSP's); it must be at least 90000"
            ),
        ),
        (
            {O: 900},
            {S: 1000},
            {O},
            (
                "onlineSeconds: 900 (the MSP's) is less than streamingSeconds, 1000 "
                "(the organization's); it must be at least 1000"
            ),
        ),
        (
            {},
            {S: 4000},
            {S, O},
            (
                "streamingSeconds: 4000 (the organization's) is more than onlineSeconds, 3600 "
                "(the server's); it must be at most 3600"
            ),
        ),
    ],
)
def test_a_refusal_names_what_was_changed_and_what_it_must_be(
    msp: Values, organization: Values, changed: set[Setting], message: str
) -> None:
    with pytest.raises(OutOfOrder) as refused:
        require_order(levels(msp, organization), changed)
    assert refused.value.message == message


CHOICES = st.fixed_dictionaries({}, optional={each: st.integers(1, 9) for each in THRESHOLDS})


@given(msp=CHOICES, organization=CHOICES, changed=st.sets(st.sampled_from(THRESHOLDS), min_size=1))
def test_everything_in_order_is_taken_and_nothing_else(
    msp: Values, organization: Values, changed: set[Setting]
) -> None:
    values = effective(levels(msp, organization))
    ordered = values[S] <= values[O] <= values[C]
    try:
        require_order(levels(msp, organization), changed)
    except OutOfOrder:
        assert not ordered
    else:
        assert ordered


@pytest.mark.parametrize("setting", Setting)
def test_a_value_within_bounds_is_taken(setting: Setting) -> None:
    bounds = BOUNDS[setting]
    for value in (bounds.lowest, bounds.highest):
        assert bounds.check(value) == value
    for wrong in (bounds.lowest - 1, bounds.highest + 1, True, 300.0, "300", None, [300]):
        with pytest.raises(ValueError, match=f"from {bounds.lowest} to {bounds.highest}"):
            bounds.check(wrong)
