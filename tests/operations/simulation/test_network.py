"""What devices measure: the same for whoever asks, and as their kind has it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from partner_api.operations.simulation.fleet import Plan, PlannedDevice, plan_fleet
from partner_api.operations.simulation.mix import Kind
from partner_api.operations.simulation.network import Network

START = datetime(2026, 5, 1, tzinfo=UTC)
MINUTES = [START + timedelta(minutes=n) for n in range(60)]


def devices(kind: Kind) -> Sequence[PlannedDevice]:
    return [replace(each, kind=kind) for each in plan_fleet(Plan()).devices]


def test_plan_and_instant_decide_on_everything() -> None:
    for one, other in zip(devices(Kind.BAD_LINK), devices(Kind.BAD_LINK), strict=True):
        assert Network(one).report(START) == Network(other).report(START)
        assert Network(one).metrics(START) == Network(other).metrics(START)
        assert Network(one).interfaces(START) == Network(other).interfaces(START)


def test_devices_and_instants_differ() -> None:
    measured = {Network(device).measure(at) for device in devices(Kind.REGULAR) for at in MINUTES}
    assert len(measured) == 60 * 60


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.BAD_LINK}))
def test_links_are_good_unless_they_are_bad(kind: Kind) -> None:
    for device in devices(kind):
        measured = [Network(device).measure(at) for at in MINUTES]
        assert sorted(each.latency for each in measured)[30] < 100
        assert sorted(each.jitter for each in measured)[30] < 30
        assert all(each.loss == 0 for each in measured)


def test_a_bad_link_is_poor_for_a_third_of_each_hour() -> None:
    for device in devices(Kind.BAD_LINK):
        network = Network(device)
        bad = [at for at in MINUTES if network.is_bad(at)]
        assert len(bad) == 20
        for at in MINUTES:
            measured = network.measure(at)
            is_poor = (measured.latency > 300, measured.jitter > 50, measured.loss > 10)
            assert is_poor == (at in bad,) * 3


def test_bad_links_are_bad_at_different_times() -> None:
    bad = [sum(Network(each).is_bad(at) for each in devices(Kind.BAD_LINK)) for at in MINUTES]
    assert min(bad) > 0
    assert max(bad) < 60


def test_an_organization_is_cut_off_as_one_for_a_third_of_each_hour() -> None:
    out: dict[str, set[tuple[datetime, ...]]] = {}
    for device in devices(Kind.OUTAGE):
        network = Network(device)
        silent = tuple(at for at in MINUTES if network.is_out(at))
        out.setdefault(device.organization, set()).add(silent)
    assert len(out) == 4
    assert all(len(each) == 1 for each in out.values())
    assert all(len(silent) == 20 for each in out.values() for silent in each)


def test_a_roll_out_reaches_one_device_after_the_other() -> None:
    fleet = [Network(each) for each in devices(Kind.VERSION_WAVE)]
    newest = fleet[0].version(START + timedelta(days=1))
    patch = int(newest.rsplit(".", 1)[1])
    assert newest.startswith("1.5.")
    moments = [START + timedelta(days=1, minutes=n - 60) for n in range(180)]
    counts = [
        sum(int(each.version(at).rsplit(".", 1)[1]) >= patch for each in fleet) for at in moments
    ]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 60)
    assert len(set(counts)) > 20


def test_uptime_says_when_it_was_measured() -> None:
    for device in devices(Kind.REGULAR):
        network = Network(device)
        for at in (minute + timedelta(microseconds=999) for minute in MINUTES):
            uptime = timedelta(seconds=network.metrics(at)["uptimeSeconds"])
            assert timedelta(0) <= uptime < timedelta(days=7)
            measured_at = network.started_at(at) + uptime
            assert at - measured_at == timedelta(microseconds=999)
            assert network.measure(measured_at) == network.measure(at)
