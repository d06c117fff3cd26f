"""A fleet as the rules describe it: what happened, and what follows for any instant. Nothing else.

Nothing here is stored, stepped or recorded. A device is what its newest check-in says, under the
settings of its organization and the releases that are out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from partner_api.status.rules import State, Thresholds

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Observed:
    """A check-in, by when the device was seen; the version it stated, if it stated one."""

    at: datetime
    version: int | None = None


@dataclass
class Known:
    """A device between its enrolment and its deletion."""

    org_id: str
    version: int
    seen_at: datetime | None = None
    version_at: datetime = _NEVER
    """When the version was stated; enrolling counts as the newest check-in does."""

    def see(self, observed: Observed) -> None:
        """Take a check-in, whenever it arrives: the newest statement counts, then the greater."""
        if observed.version is not None:
            stated = (self.version_at, self.version), (observed.at, observed.version)
            self.version_at, self.version = max(stated)
        self.seen_at = max(self.seen_at or _NEVER, observed.at)

    def enroll_again(self, version: int) -> None:
        """Take what it states as if the newest check-in had."""
        self.version, self.version_at = version, self.seen_at or _NEVER


@dataclass
class Oracle:
    """One MSP's organizations with their settings, devices, and the releases of their channel."""

    thresholds: dict[str, Thresholds]
    devices: dict[str, Known] = field(default_factory=dict)
    releases: list[int] = field(default_factory=list)

    @property
    def newest(self) -> int:
        """The newest release; 0 before the first."""
        return max(self.releases, default=0)

    def state(self, client_id: str, now: datetime) -> State:
        """The state a device is in at an instant from now on, if nothing else happens."""
        device = self.devices[client_id]
        stage = self.thresholds[device.org_id].stage(device.seen_at, now)
        return State(stage, device.version >= self.newest)

    def states(self, now: datetime) -> Mapping[str, State]:
        """Every device's state."""
        return {client_id: self.state(client_id, now) for client_id in self.devices}

    def count(self, now: datetime, org_ids: Sequence[str]) -> Counter[State]:
        """How many devices of some organizations are in each state."""
        return Counter(
            self.state(client_id, now)
            for client_id, device in self.devices.items()
            if device.org_id in org_ids
        )
