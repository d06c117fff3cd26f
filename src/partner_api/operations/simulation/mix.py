"""How devices of a fleet behave, and how many behave how."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from random import Random

from partner_api.kernel.errors import Invalid


class Kind(StrEnum):
    """How a device behaves; all but the regular ones are faults, by the names the command takes."""

    OUTDATED = "outdated"
    IDLE = "idle"
    AWAY = "away"
    SILENT = "silent"
    NEVER_SEEN = "never-seen"
    LATE = "late"
    DUPLICATE = "duplicate"
    REORDERED = "reordered"
    CLOCK_SKEW = "clock-skew"
    BAD_LINK = "bad-link"
    OUTAGE = "outage"
    VERSION_WAVE = "version-wave"
    REGULAR = "regular"

    @property
    def is_live(self) -> bool:
        """Whether it checks in for as long as the simulation runs."""
        return self not in SILENT_FOR and self is not Kind.NEVER_SEEN


SILENT_FOR: Mapping[Kind, timedelta] = {
    Kind.IDLE: timedelta(minutes=20),
    Kind.AWAY: timedelta(hours=3),
    Kind.SILENT: timedelta(hours=30),
}
"""How long ago a device of each of these kinds checked in for the last time."""

LATE_BY = timedelta(minutes=10)
"""How old a late device's check-ins are when they arrive."""

CLOCK_ERROR = timedelta(hours=-2)
"""What a skewed clock says too much."""

FAULTS = tuple(kind for kind in Kind if kind is not Kind.REGULAR)

_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?")
_WHOLE_IN_HUNDREDTHS = 100 * 100


@dataclass(frozen=True)
class Mix:
    """Of `whole` devices so many have each of these faults.

    Gathered trouble stays among the first organizations, so that they differ in health.
    """

    faults: Mapping[Kind, int]
    whole: int
    is_gathered: bool = False

    def kinds(self, organizations: int) -> Iterator[tuple[Kind, int]]:
        """For one device after the other, without end, its kind and the place of its organization.

        Any number of them, from the first on, is as close to the shares as whole devices can be,
        and as close to the share of an outage as whole organizations can be.
        """
        shares = {**self.faults, Kind.REGULAR: self.whole - sum(self.faults.values())}
        connected = self._connected(shares.pop(Kind.OUTAGE, 0), organizations)
        whole = sum(shares.values())
        credit = dict.fromkeys(shares, 0)
        for place in _places(organizations):
            if place >= connected:
                yield Kind.OUTAGE, place
                continue
            for kind, share in shares.items():
                credit[kind] += share
            near = [kind for kind in shares if place < self._reach(kind, organizations)]
            chosen = max(near, key=lambda kind: credit[kind])
            credit[chosen] -= whole
            yield chosen, place

    def _connected(self, cut_off: int, organizations: int) -> int:
        """How many of the organizations an outage leaves alone."""
        out = round(organizations * cut_off / self.whole)
        return organizations - (max(1, out) if cut_off else 0)

    def _reach(self, kind: Kind, organizations: int) -> int:
        reach = {
            Kind.OUTDATED: organizations - 1,
            Kind.AWAY: organizations - 1,
            Kind.SILENT: organizations // 2,
            Kind.NEVER_SEEN: organizations // 2,
        }
        return max(1, reach.get(kind, organizations)) if self.is_gathered else organizations


SHOWCASE = Mix(
    {
        Kind.OUTDATED: 6,
        Kind.IDLE: 5,
        Kind.AWAY: 4,
        Kind.SILENT: 4,
        Kind.NEVER_SEEN: 5,
        Kind.BAD_LINK: 6,
    },
    whole=60,
    is_gathered=True,
)
"""A bit of everything a fleet can look like."""


def parse_faults(text: str) -> Mix:
    """The mix in `silent=10,outdated=2.5`, percent of the devices; Invalid says what is wrong."""
    faults: dict[Kind, int] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, percent = entry.partition("=")
        if name not in FAULTS:
            raise Invalid(f"--faults: {name} is none; known are {', '.join(FAULTS)}")
        if name in faults:
            raise Invalid(f"--faults: {name} is named twice")
        faults[Kind(name)] = _hundredths(name, percent)
    if sum(faults.values()) > _WHOLE_IN_HUNDREDTHS:
        raise Invalid(f"--faults: more than 100 percent of the devices; they are {_known()}")
    return Mix(faults, _WHOLE_IN_HUNDREDTHS)


def _places(organizations: int) -> Iterator[int]:
    # Each round in another order, or a fault of every fourth device would stay in one of four.
    random = Random(organizations)  # noqa: S311 - make-believe has no secrets
    places = list(range(organizations))
    while True:
        random.shuffle(places)
        yield from places


def _hundredths(name: str, percent: str) -> int:
    found = _PERCENT.fullmatch(percent)
    if found is None:
        raise Invalid(f"--faults: {name} takes a percentage such as {name}=5 or {name}=0.25")
    whole, rest = found.groups(default="0")
    return int(whole) * 100 + int(rest.ljust(2, "0"))


def _known() -> str:
    return ", ".join(FAULTS)
