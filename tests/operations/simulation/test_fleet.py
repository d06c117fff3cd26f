"""Which devices a plan makes."""

from collections import Counter

import pytest

from partner_api.kernel.ids import parse_client_id
from partner_api.kernel.text import is_clean
from partner_api.operations.simulation.fleet import CURRENT, OLD, Plan, plan_fleet
from partner_api.operations.simulation.mix import Kind


def test_sixty_devices_have_every_kind_in_its_share() -> None:
    kinds = Counter(device.kind for device in plan_fleet(Plan(devices=60)).devices)
    assert kinds == {
        Kind.REGULAR: 30,
        Kind.BAD_LINK: 6,
        Kind.OUTDATED: 6,
        Kind.IDLE: 5,
        Kind.AWAY: 4,
        Kind.SILENT: 4,
        Kind.NEVER_SEEN: 5,
    }


def test_twenty_devices_have_every_kind_of_the_showcase_too() -> None:
    kinds = {device.kind for device in plan_fleet(Plan(devices=20)).devices}
    assert kinds == {Kind.REGULAR, *Plan.mix.faults}


def test_equal_plans_make_equal_fleets() -> None:
    assert plan_fleet(Plan(seed=7)) == plan_fleet(Plan(seed=7))


def test_fleets_of_different_seeds_share_no_device() -> None:
    one, other = (plan_fleet(Plan(seed=seed)).devices for seed in (1, 2))
    assert {d.client_id for d in one}.isdisjoint(d.client_id for d in other)


def test_more_devices_leave_the_first_ones_as_they_are() -> None:
    assert plan_fleet(Plan(devices=90)).devices[:60] == plan_fleet(Plan(devices=60)).devices


def test_a_device_of_another_organization_is_another_device() -> None:
    few, many = (plan_fleet(Plan(organizations=number)).devices for number in (2, 7))
    homes = {device.client_id: device.organization for device in few}
    assert all(homes.get(d.client_id, d.organization) == d.organization for d in many)


@pytest.mark.parametrize("devices", [60, 2000])
def test_every_device_has_ids_of_its_own(devices: int) -> None:
    fleet = plan_fleet(Plan(devices=devices)).devices
    assert all(parse_client_id(device.client_id) for device in fleet)
    assert len({device.client_id for device in fleet}) == devices
    assert len({device.asset_id for device in fleet}) == devices
    assert len({device.facts["serialNumber"] for device in fleet}) == devices


def test_facts_are_such_as_a_server_takes() -> None:
    values = [v for device in plan_fleet(Plan()).devices for v in device.facts.values()]
    assert all(is_clean(value) and 1 <= len(value) <= 100 for value in values)


def test_only_outdated_devices_run_the_old_version() -> None:
    for device in plan_fleet(Plan()).devices:
        expected = OLD if device.kind is Kind.OUTDATED else CURRENT
        assert device.facts["currentVersion"] == expected


def test_organizations_differ_in_health() -> None:
    fleet = plan_fleet(Plan())
    kinds = {
        name: {device.kind for device in fleet.devices if device.organization == name}
        for name in fleet.organizations
    }
    lost = {Kind.SILENT, Kind.NEVER_SEEN}
    assert [bool(kinds[name] & lost) for name in fleet.organizations] == [
        True,
        True,
        False,
        False,
    ]
    assert kinds["Lakeside Dental"] >= {Kind.OUTDATED, Kind.AWAY}
    assert kinds["Harbor Logistics"] == {Kind.REGULAR, Kind.IDLE, Kind.BAD_LINK}


def test_one_organization_holds_every_device() -> None:
    devices = plan_fleet(Plan(organizations=1)).devices
    assert {device.organization for device in devices} == {"Acme Corp"}


def test_names_of_organizations_do_not_run_out() -> None:
    names = plan_fleet(Plan(devices=0, organizations=500)).organizations
    assert len(set(names)) == 500
    assert all(2 <= len(name) <= 100 for name in names)
