"""Which devices there are, what each is like and how it behaves, all of it from the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from uuid import NAMESPACE_URL, uuid5

from partner_api.kernel.ids import ClientId, format_client_id
from partner_api.operations.simulation.mix import SHOWCASE, Kind, Mix
from partner_api.operations.simulation.names import organization_names, person_at

CURRENT = "1.4.2"
"""What an up-to-date device runs; publish it as a release, or no device counts as outdated."""
OLD = "1.3.9"


@dataclass(frozen=True)
class Plan:
    """How big a fleet, in at least one organization; equal plans make equal fleets."""

    devices: int = 60
    organizations: int = 4
    seed: int = 1
    mix: Mix = SHOWCASE


@dataclass(frozen=True)
class PlannedDevice:
    """A device before it has ever met the server; `facts` has the wire's names."""

    client_id: str
    organization: str
    kind: Kind
    facts: Mapping[str, str]

    @property
    def asset_id(self) -> str:
        """What people call it."""
        return self.facts["assetId"]


@dataclass(frozen=True)
class Fleet:
    """Customers by name, and all their devices."""

    organizations: Sequence[str]
    devices: Sequence[PlannedDevice]


@dataclass(frozen=True)
class _Model:
    code: str
    os: str
    os_versions: Sequence[str]
    arch: str


_MODELS: Mapping[_Model, int] = {
    _Model("MBP", "macOS", ("15.3", "15.2", "14.7.4"), "arm64"): 30,
    _Model("IMAC", "macOS", ("15.3", "14.7.4"), "arm64"): 10,
    _Model("LAT", "Windows", ("11 24H2", "11 23H2", "10 22H2"), "x86_64"): 35,
    _Model("SURF", "Windows", ("11 24H2",), "arm64"): 10,
    _Model("NUC", "Linux", ("Ubuntu 24.04", "Ubuntu 22.04", "Debian 12"), "x86_64"): 15,
}
# As on real labels, no letter that could be taken for a digit.
_SERIAL_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def plan_fleet(plan: Plan) -> Fleet:
    """The plan in every detail; a plan of more devices leaves the first ones as they are."""
    names = organization_names(plan.organizations, _random(plan.seed, "organizations"))
    kinds = islice(plan.mix.kinds(len(names)), plan.devices)
    devices = [
        _device(plan.seed, index, names[place], kind) for index, (kind, place) in enumerate(kinds)
    ]
    return Fleet(names, devices)


def _random(*parts: object) -> Random:
    return Random("/".join(map(str, parts)))  # noqa: S311 - make-believe has no secrets


def _device(seed: int, index: int, organization: str, kind: Kind) -> PlannedDevice:
    random = _random(seed, index)
    return PlannedDevice(
        _client_id(seed, index, organization),
        organization,
        kind,
        _facts(kind, index, organization, random),
    )


def _client_id(seed: int, index: int, organization: str) -> str:
    # With the organization in it: a device known elsewhere would be refused by that customer's
    # token, which a plan with another number of organizations must not run into.
    name = f"partner-api:simulation/{seed}/{organization}/{index}"
    return format_client_id(ClientId(uuid5(NAMESPACE_URL, name)))


def _facts(kind: Kind, index: int, organization: str, random: Random) -> Mapping[str, str]:
    model = random.choices(list(_MODELS), list(_MODELS.values()))[0]
    person = person_at(organization, random)
    return {
        "os": model.os,
        "osVersion": random.choice(model.os_versions),
        "arch": model.arch,
        "channel": "stable",
        "currentVersion": OLD if kind is Kind.OUTDATED else CURRENT,
        "serialNumber": "".join(random.choices(_SERIAL_CHARACTERS, k=12)),
        "assetId": f"{organization.split(maxsplit=1)[0].upper()}-{model.code}-{index + 1:04}",
        "userName": person.name,
        "userEmail": person.email,
    }
