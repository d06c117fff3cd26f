"""The device's two clocks: one tells the time and may be wrong or set, one only ever runs."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from partner_api.kernel.clock import Clock, SystemClock

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# One that goes on while the machine is asleep: on Linux CLOCK_MONOTONIC stops then.
_RUNNING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class Moment:
    """An instant by both clocks; `ticks`, in seconds, compare within one `boot` only."""

    wall: datetime
    boot: str
    ticks: float


class DeviceClock:
    """Reads both clocks."""

    def __init__(self, wall: Clock | None = None) -> None:
        self._wall = wall or SystemClock()
        self._boot = _boot()

    def now(self) -> Moment:
        """The present moment."""
        return Moment(self._wall.now(), self._boot, time.clock_gettime(_RUNNING))


def wall_time(moment: Moment, now: Moment) -> datetime:
    """When a moment was, by the wall clock as it goes now.

    If that clock was set in between, what it told at the moment means nothing any more. The
    server measures how wrong it is now, so an instant has to be told by the clock of now.
    """
    if moment.boot == now.boot:
        return now.wall - timedelta(seconds=now.ticks - moment.ticks)
    return moment.wall


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # Nothing names this boot, so ticks compare within this process only.
        return str(uuid4())
