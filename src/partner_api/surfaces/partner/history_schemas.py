"""What devices went through, as it travels over the wire."""

from typing import Annotated

from pydantic import Field

from partner_api.status.rules import Connection, Health
from partner_api.surfaces.partner.schemas import PageMeta
from partner_api.surfaces.partner.wire import Timestamp, Wire

Seconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class StatusRead(Wire):
    """Both of a device's states."""

    connection_state: Connection
    status: Health = Field(examples=["healthy"])


class StatusStep(Wire):
    """A change of a device's state, at the moment it happened."""

    at: Timestamp = Field(description="Later than the step before, by a microsecond at least.")
    before: StatusRead | None = Field(
        None, serialization_alias="from", description="Absent for a device that just enrolled."
    )
    after: StatusRead | None = Field(
        None, serialization_alias="to", description="Absent for a device that was deleted."
    )
    cause: str = Field(
        description="enrolled, check-in, threshold (one of the ages in the settings passed), "
        "release (it was outdated by one), settings (these changed), moved or deleted",
        examples=["check-in"],
    )


class StatusStepsRead(Wire):
    """A page of a device's changes of state, newest first."""

    data: list[StatusStep]
    meta: PageMeta


class StateSeconds(Wire):
    """Seconds spent in each state. The first three add up to all there were, and so do the rest."""

    streaming: Seconds = Field(examples=[80000])
    idle: Seconds = Field(examples=[4000])
    offline: Seconds = Field(examples=[2400])
    healthy: Seconds = Field(examples=[84000])
    warning: Seconds = Field(examples=[2400])
    critical: Seconds = Field(examples=[0])


class StateShares(Wire):
    """Parts of the time there was; all 0 when no device was there."""

    streaming: Share = Field(examples=[0.9259])
    idle: Share = Field(examples=[0.0463])
    offline: Share = Field(examples=[0.0278])
    healthy: Share = Field(examples=[0.9722])
    warning: Share = Field(examples=[0.0278])
    critical: Share = Field(examples=[0])


class Availability(Wire):
    """Time spent in each state, by one device or in sum."""

    since: Timestamp = Field(
        serialization_alias="from",
        description="Later than asked for when less is kept.",
        examples=["2026-02-24T00:00:00Z"],
    )
    until: Timestamp = Field(
        serialization_alias="to",
        description="Now, when a later instant was asked for.",
        examples=["2026-02-25T00:00:00Z"],
    )
    seconds: StateSeconds
    share: StateShares


class AvailabilityRead(Wire):
    """Time spent in each state, from each device's enrollment to its deletion."""

    data: Availability
