"""How fast a fleet checks in, and for how long."""

from dataclasses import dataclass

from partner_api.kernel.errors import Invalid

RATES = (0.01, 1000.0)
"""The slowest and the fastest fleet, in check-ins a second."""

_FIRST_CHECK_INS_PER_SECOND = 100.0
_FIRST_ROUND_SECONDS = 9.0


@dataclass(frozen=True)
class Pace:
    """Check-ins a second over the whole fleet, or as the server asks; seconds, or no end.

    Invalid when a number makes no sense.
    """

    rate: float | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        slowest, fastest = RATES
        # Written so that "not a number" is refused as well.
        if self.rate is not None and not slowest <= self.rate <= fastest:
            raise Invalid(f"--rate: from {slowest:g} to {fastest:g} check-ins a second")
        if self.duration is not None and not 0 < self.duration < float("inf"):
            raise Invalid("--duration: a number of seconds, more than 0")

    def interval(self, live_devices: int) -> float | None:
        """How many seconds a device waits between two check-ins; None if the server says."""
        return None if self.rate is None else live_devices / self.rate


def passing_seconds(devices: int) -> float:
    """Within which so many devices check in that do so once."""
    return devices / _FIRST_CHECK_INS_PER_SECOND


def first_round_seconds(devices: int) -> float:
    """Within which so many devices begin: a few are there soon, and not at once; many no flood."""
    return max(_FIRST_ROUND_SECONDS, passing_seconds(devices))
