from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.status.rules import STATES, Connection, Health, State, Thresholds, worst

NOW = datetime(2026, 2, 24, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIVE_MINUTES = timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def judged(age: timedelta | None, *, current: bool) -> State:
    return State(Thresholds().stage(None if age is None else NOW - age, NOW), current)


@pytest.mark.parametrize(
    ("age", "connection", "health"),
    [
        (timedelta(0), "streaming", "healthy"),
        (FIVE_MINUTES - MICROSECOND, "streaming", "healthy"),
        (FIVE_MINUTES, "idle", "healthy"),
        (FIVE_MINUTES + MICROSECOND, "idle", "healthy"),
        (HOUR - MICROSECOND, "idle", "healthy"),
        (HOUR, "idle", "healthy"),
        (HOUR + MICROSECOND, "offline", "warning"),
        (DAY - MICROSECOND, "offline", "warning"),
        (DAY, "offline", "warning"),
        (DAY + MICROSECOND, "offline", "critical"),
        (timedelta(days=400), "offline", "critical"),
        (None, "offline", "critical"),
        (-MICROSECOND, "streaming", "healthy"),
        (timedelta(seconds=-60), "streaming", "healthy"),
    ],
)
def test_a_current_device_is_judged_by_its_age(
    age: timedelta | None, connection: str, health: str
) -> None:
    facts = judged(age, current=True)
    assert (facts.connection, facts.health) == (connection, health)


@pytest.mark.parametrize(
    ("age", "health"),
    [
        (timedelta(0), "warning"),
        (HOUR, "warning"),
        (HOUR + MICROSECOND, "warning"),
        (DAY, "warning"),
        (DAY + MICROSECOND, "critical"),
        (None, "critical"),
        (timedelta(seconds=-60), "warning"),
    ],
)
def test_an_outdated_device_is_never_healthy(age: timedelta | None, health: str) -> None:
    assert judged(age, current=False).health == health


ages = st.none() | st.timedeltas(timedelta(minutes=-1), timedelta(days=3))


@given(ages, st.booleans())
def test_the_rules_are_those_of_the_document(age: timedelta | None, current: bool) -> None:
    facts = judged(age, current=current)
    online = age is not None and age <= HOUR
    assert (facts.connection is not Connection.OFFLINE) == online
    assert (facts.connection is Connection.STREAMING) == (age is not None and age < FIVE_MINUTES)
    assert (facts.health is Health.HEALTHY) == (online and current)
    assert (facts.health is Health.CRITICAL) == (age is None or age > DAY)


@given(ages, ages, st.booleans())
def test_growing_older_never_improves_a_device(
    age: timedelta | None, other: timedelta | None, current: bool
) -> None:
    younger, older = sorted((age, other), key=lambda a: timedelta.max if a is None else a)
    before, after = judged(younger, current=current), judged(older, current=current)
    assert list(Health).index(after.health) <= list(Health).index(before.health)
    assert list(Connection).index(after.connection) >= list(Connection).index(before.connection)


def test_every_state_has_one_number() -> None:
    assert [2 * state.stage + (not state.is_current) for state in STATES] == list(range(8))


@pytest.mark.parametrize(
    ("critical", "warning", "healthy", "expected"),
    [
        (0, 0, 0, "healthy"),
        (0, 0, 9, "healthy"),
        (0, 1, 9, "warning"),
        (1, 0, 9, "critical"),
        (1, 5, 0, "critical"),
    ],
)
def test_an_organization_fares_as_its_worst_device(
    critical: int, warning: int, healthy: int, expected: str
) -> None:
    counts = {Health.CRITICAL: critical, Health.WARNING: warning, Health.HEALTHY: healthy}
    assert worst(counts) == expected
