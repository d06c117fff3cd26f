"""Pure functions from what devices went through to what travels."""

from decimal import Decimal

from partner_api.history.types import Availability, Step
from partner_api.status.rules import State
from partner_api.surfaces.partner import history_schemas as schemas


def status_step(step: Step) -> schemas.StatusStep:
    """A step of a device."""
    return schemas.StatusStep(
        at=step.at, before=_status(step.before), after=_status(step.after), cause=step.cause
    )


def availability(found: Availability) -> schemas.Availability:
    """Time spent in each state, in seconds and as parts of the whole."""
    spent = [*found.connection.items(), *found.health.items()]
    # Each second is in one state of the first kind and in one of the second.
    whole = found.device_seconds or Decimal(1)
    return schemas.Availability(
        since=found.window.since,
        until=found.window.until,
        seconds=schemas.StateSeconds(**{state: float(part) for state, part in spent}),
        share=schemas.StateShares(**{state: float(part / whole) for state, part in spent}),
    )


def _status(state: State | None) -> schemas.StatusRead | None:
    if state is None:
        return None
    return schemas.StatusRead(connection_state=state.connection, status=state.health)
