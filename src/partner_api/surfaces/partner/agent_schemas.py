"""What agents send and are answered."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, RootModel, WithJsonSchema

from partner_api.devices.facts import LONGEST, LONGEST_OTHER, Facts
from partner_api.kernel.ids import ClientId, parse_client_id
from partner_api.status.rules import Connection, Health
from partner_api.surfaces.partner.schemas import Body, CleanText, OrgIdText, Timestamp, Wire


def _client_id(value: object) -> ClientId:
    parsed = parse_client_id(value) if isinstance(value, str) else None
    if parsed is None:
        raise ValueError("must be a UUID such as A1B2C3D4-E5F6-7890-ABCD-EF1234567890")
    return parsed


ClientIdText = Annotated[
    Any, BeforeValidator(_client_id), WithJsonSchema({"type": "string", "format": "uuid"})
]
Fact = Annotated[CleanText, Field(min_length=1, max_length=LONGEST_OTHER)]


class Enrollment(Body):
    """A device that wants to join."""

    client_id: ClientIdText | None = None
    os: Fact
    os_version: Fact | None = None
    arch: Fact
    channel: Fact = "stable"
    current_version: Fact
    serial_number: Fact | None = None
    asset_id: Fact | None = None
    user_name: CleanText | None = Field(None, min_length=1, max_length=LONGEST["userName"])
    user_email: CleanText | None = Field(None, min_length=1, max_length=LONGEST["userEmail"])
    referrer: CleanText | None = Field(None, min_length=1, max_length=LONGEST["referrer"])

    def facts(self) -> Facts:
        """What the device says about itself, in the order facts have."""
        return (
            self.os,
            self.os_version,
            self.arch,
            self.channel,
            self.current_version,
            self.serial_number,
            self.asset_id,
            self.user_name,
            self.user_email,
            self.referrer,
        )


class Enrolled(Wire):
    """A device's place, and its token at the one moment it is shown."""

    client_id: str
    msp_id: str
    org_id: str
    device_token: str
    check_in_interval_seconds: int


class EnrolledRead(Wire):
    """A device's place and token."""

    data: Enrolled


class CheckIn(Body):
    """When a device observed itself, and any fact it wants to state."""

    observed_at: Timestamp | None = Field(None, description="By default the moment of arrival.")
    sent_at: Timestamp | None = Field(
        None, description="By the device's clock; corrects observedAt when that clock is wrong."
    )
    sequence: int | None = Field(
        None, ge=0, description="Counts up from enrollment; makes repeats harmless."
    )
    os: Fact | None = None
    os_version: Fact | None = None
    arch: Fact | None = None
    channel: Fact | None = None
    current_version: Fact | None = None
    serial_number: Fact | None = None
    asset_id: Fact | None = None
    user_name: CleanText | None = None
    user_email: CleanText | None = None
    referrer: CleanText | None = None


class CheckInList(Body):
    """Several check-ins of one device, in the order it made them."""

    check_ins: list[CheckIn] = Field(max_length=500)


class Rejection(Wire):
    """An item that was not taken."""

    index: int
    message: str


class CheckInResult(Wire):
    """What became of the check-ins, and how the device stands now."""

    accepted: int
    duplicates: int
    rejected: list[Rejection]
    last_seen: Timestamp | None = None
    status: Health
    connection_state: Connection
    latest_version: str | None = None
    check_in_interval_seconds: int


class CheckInRead(Wire):
    """What became of the check-ins."""

    data: CheckInResult


class RelayedCheckIn(CheckIn):
    """A check-in of one of the MSP's devices."""

    client_id: ClientIdText
    org_id: OrgIdText = Field(default=None, description="Where to register an unknown device.")


class RelayedCheckInList(Body):
    """Check-ins of any of the MSP's devices, each device's in the order it made them."""

    check_ins: list[RelayedCheckIn] = Field(max_length=1000)


class RelayRejection(Rejection):
    """An item that was not taken."""

    client_id: str | None = None


class RelayResult(Wire):
    """What became of the check-ins."""

    accepted: int
    duplicates: int
    rejected: list[RelayRejection]


class RelayRead(Wire):
    """What became of the check-ins."""

    data: RelayResult


class LogLine(Body):
    """One log entry; unknown severities are refused, synonyms such as WARNING are taken."""

    timestamp: Timestamp | None = Field(None, description="By default the moment of arrival.")
    severity: str
    payload: dict[str, Any]


class LogLines(RootModel[list[LogLine]]):
    """Up to 500 log entries."""

    root: list[LogLine] = Field(max_length=500)


class LogResult(Wire):
    """What became of the entries."""

    accepted: int
    rejected: list[Rejection]


class LogResultRead(Wire):
    """What became of the entries."""

    data: LogResult
