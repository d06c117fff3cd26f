"""How fast and for how long: bounds that hold."""

import pytest

from partner_api.kernel.errors import Invalid
from partner_api.operations.simulation.pace import Pace, first_round_seconds


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.009, 1001.0, float("inf"), float("nan")])
def test_an_absurd_rate_is_refused(rate: float) -> None:
    with pytest.raises(Invalid, match=r"--rate: from 0\.01 to 1000 check-ins a second"):
        Pace(rate=rate)


@pytest.mark.parametrize("duration", [0.0, -1.0, float("inf"), float("nan")])
def test_an_absurd_duration_is_refused(duration: float) -> None:
    with pytest.raises(Invalid, match="--duration: a number of seconds, more than 0"):
        Pace(duration=duration)


def test_the_interval_follows_from_the_rate() -> None:
    assert Pace(rate=50.0).interval(10_000) == 200
    assert Pace().interval(10_000) is None


@pytest.mark.parametrize(("devices", "seconds"), [(1, 9), (60, 9), (900, 9), (10_000, 100)])
def test_few_devices_begin_soon_and_many_are_no_flood(devices: int, seconds: float) -> None:
    assert first_round_seconds(devices) == seconds
