"""Time in each state, counted anew: every device's past as stretches, and nothing clever."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from partner_api.status.rules import State
from tests.history.reading import STATES

NEVER = timedelta(0)


@dataclass(frozen=True)
class Stretch:
    """A time in which one device was in one state and in one organization."""

    client_id: str
    org_id: str
    start: datetime
    end: datetime
    state: State

    @property
    def labels(self) -> tuple[str, str]:
        return self.state.connection.value, self.state.health.value

    def within(self, since: datetime, until: datetime) -> float:
        """How many of its seconds lie between two instants."""
        return max(min(self.end, until) - max(self.start, since), NEVER).total_seconds()


def recount(stretches: Iterable[Stretch], since: datetime, until: datetime) -> dict[str, float]:
    """The seconds in each state between two instants."""
    seconds = dict.fromkeys(STATES, 0.0)
    for stretch in stretches:
        for label in stretch.labels:
            seconds[label] += stretch.within(since, until)
    return seconds


@dataclass(frozen=True)
class StepRow:
    """A recorded step."""

    client_id: str
    at: datetime
    org_id: str
    state_after: State | None


def replayed(rows: Sequence[StepRow], now: datetime) -> list[Stretch]:
    """The stretches between recorded steps, which are sorted by device and moment."""
    ends = [
        following.at if following is not None and following.client_id == row.client_id else now
        for row, following in zip(rows, [*rows[1:], None], strict=True)
    ]
    return [
        Stretch(row.client_id, row.org_id, row.at, end, row.state_after)
        for row, end in zip(rows, ends, strict=True)
        if row.state_after is not None
    ]
