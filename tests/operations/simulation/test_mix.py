"""The mix of faults: what a command may say, and what a fleet makes of it."""

from collections import Counter
from itertools import islice

import pytest

from partner_api.kernel.errors import Invalid
from partner_api.operations.simulation.fleet import Plan, plan_fleet
from partner_api.operations.simulation.mix import FAULTS, SHOWCASE, Kind, Mix, parse_faults


def kinds(mix: Mix, devices: int, organizations: int = 4) -> Counter[Kind]:
    return Counter(kind for kind, _ in islice(mix.kinds(organizations), devices))


def test_of_a_hundred_devices_as_many_misbehave_as_percent_say() -> None:
    mix = parse_faults("late=5, duplicate=2,silent=10,reordered=1,clock-skew=1,outdated=20")
    assert kinds(mix, 100) == {
        Kind.LATE: 5,
        Kind.DUPLICATE: 2,
        Kind.SILENT: 10,
        Kind.REORDERED: 1,
        Kind.CLOCK_SKEW: 1,
        Kind.OUTDATED: 20,
        Kind.REGULAR: 61,
    }


def test_hundredths_of_a_percent_are_kept() -> None:
    mix = parse_faults("late=0.25,silent=99.75")
    assert kinds(mix, 400) == {Kind.LATE: 1, Kind.SILENT: 399}


@pytest.mark.parametrize("text", ["", "silent=0"])
def test_without_a_fault_every_device_is_regular(text: str) -> None:
    assert kinds(parse_faults(text), 50) == {Kind.REGULAR: 50}


@pytest.mark.parametrize("devices", [1, 7, 33, 250])
def test_any_number_of_devices_is_close_to_the_shares(devices: int) -> None:
    counted = kinds(parse_faults("outdated=25,silent=10"), devices)
    assert counted[Kind.OUTDATED] == pytest.approx(devices * 0.25, abs=1)
    assert counted[Kind.SILENT] == pytest.approx(devices * 0.1, abs=1)


@pytest.mark.parametrize("organizations", [2, 4, 5, 10])
def test_a_fault_is_found_in_every_organization(organizations: int) -> None:
    drawn = islice(parse_faults("outdated=25").kinds(organizations), 40 * organizations)
    places = {place for kind, place in drawn if kind is Kind.OUTDATED}
    assert places == set(range(organizations))


def test_another_mix_makes_other_behaviour_of_the_same_devices() -> None:
    regular, mixed = (plan_fleet(Plan(mix=mix)).devices for mix in (parse_faults(""), SHOWCASE))
    assert [device.client_id for device in regular] == [device.client_id for device in mixed]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sleepy=5", r"sleepy is none; known are .*clock-skew"),
        ("silent=10,sleepy", r"sleepy is none; known are .*never-seen"),
        ("regular=50", r"regular is none; known are"),
        ("silent=60,late=41", r"more than 100 percent of the devices; they are .*reordered"),
        ("silent=10,silent=5", r"silent is named twice"),
        ("silent", r"silent takes a percentage such as silent=5"),
        ("silent=", r"silent takes a percentage"),
        ("silent=-1", r"silent takes a percentage"),
        ("silent=1e1", r"silent takes a percentage"),
        ("silent=nan", r"silent takes a percentage"),
        ("silent=0.001", r"silent takes a percentage"),
    ],
)
def test_what_is_no_mix_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=message) as refused:
        parse_faults(text)
    assert "\n" not in refused.value.message


def test_every_fault_can_be_asked_for() -> None:
    mix = parse_faults(",".join(f"{fault}=1" for fault in FAULTS))
    assert set(kinds(mix, 150)) == set(Kind)


@pytest.mark.parametrize(("percent", "organizations", "out"), [(40, 5, 2), (1, 5, 1), (0, 5, 0)])
def test_an_outage_is_of_whole_organizations(percent: int, organizations: int, out: int) -> None:
    drawn = list(islice(parse_faults(f"outage={percent},late=30").kinds(organizations), 500))
    places = {place for kind, place in drawn if kind is Kind.OUTAGE}
    assert len(places) == out
    assert all((kind is Kind.OUTAGE) is (place in places) for kind, place in drawn)
    # The others keep their shares of the rest.
    rest = [kind for kind, _ in drawn if kind is not Kind.OUTAGE]
    assert rest.count(Kind.LATE) == pytest.approx(len(rest) * 30 / (100 - percent), abs=1)
