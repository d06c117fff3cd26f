"""The device's clocks, when one of them is set."""

from datetime import timedelta

from partner_api.agent.clock import DeviceClock, wall_time
from tests.agent.support import START, moment

FIVE_HOURS = timedelta(hours=5)


def test_a_moment_is_told_by_the_clock_as_it_goes_now() -> None:
    observed = moment(0, wall=START - FIVE_HOURS)
    assert wall_time(observed, moment(60)) == START
    ahead = moment(0, wall=START + FIVE_HOURS)
    assert wall_time(ahead, moment(60)) == START


def test_across_a_reboot_only_the_wall_clock_remains() -> None:
    observed = moment(0, boot="earlier")
    assert wall_time(observed, moment(1, wall=START + FIVE_HOURS)) == START


def test_two_readings_of_one_boot_compare() -> None:
    first, second = DeviceClock().now(), DeviceClock().now()
    assert first.boot == second.boot
    assert first.ticks <= second.ticks
