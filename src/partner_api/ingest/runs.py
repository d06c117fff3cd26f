"""When a device was streaming, as its check-ins tell after the fact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from partner_api.status.rules import Thresholds


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch in which no two neighbouring check-ins lie a stage apart."""

    start: datetime
    end: datetime


def runs_of(seen: Sequence[datetime], thresholds: Thresholds) -> Sequence[Run]:
    """The stretches that moments of check-ins, in any order, make up; ascending."""
    gap = timedelta(seconds=thresholds.streaming_seconds)
    runs: list[Run] = []
    for moment in sorted(seen):
        if runs and moment - runs[-1].end < gap:
            runs[-1] = Run(runs[-1].start, moment)
        else:
            runs.append(Run(moment, moment))
    return runs
