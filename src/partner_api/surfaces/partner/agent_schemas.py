"""What agents send and are answered."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, RootModel

from partner_api.devices.facts import LONGEST, LONGEST_OTHER, Facts
from partner_api.status.rules import Connection, Health
from partner_api.surfaces.partner import specimens
from partner_api.surfaces.partner.sample_schemas import SAMPLE, Interfaces, Metrics, Network
from partner_api.surfaces.partner.wire import (
    CLEAN,
    Body,
    ClientIdRead,
    ClientIdText,
    MspIdRead,
    OrgIdRead,
    OrgIdText,
    Timestamp,
    Wire,
    clean,
)


def _text(longest: int) -> Any:
    return Field(min_length=1, max_length=longest, json_schema_extra=CLEAN)


Fact = Annotated[str, _text(LONGEST_OTHER), AfterValidator(clean)]
UserName = Annotated[str, _text(LONGEST["userName"]), AfterValidator(clean)]
UserEmail = Annotated[str, _text(LONGEST["userEmail"]), AfterValidator(clean)]
Referrer = Annotated[str, _text(LONGEST["referrer"]), AfterValidator(clean)]


class Enrollment(Body):
    """A device that wants to join."""

    client_id: ClientIdText | None = Field(
        None, description="The device's own id, to enroll again; made by the server by default."
    )
    os: Fact = Field(examples=["macOS"])
    os_version: Fact | None = Field(None, examples=["15.3"])
    arch: Fact = Field(examples=["arm64"])
    channel: Fact = Field(
        "stable", description="The channel it takes releases from.", examples=["stable"]
    )
    current_version: Fact = Field(examples=["1.0.5.42"])
    serial_number: Fact | None = Field(None, examples=["C02X1234ABCD"])
    asset_id: Fact | None = Field(None, examples=["ACME-MBP-0042"])
    user_name: UserName | None = Field(None, examples=["Alice Smith"])
    user_email: UserEmail | None = Field(None, examples=["alice@acme.com"])
    referrer: Referrer | None = Field(None, description="What brought the agent there.")

    def facts(self) -> Facts:
        """What the device says about itself, in the order facts have."""
        return (
            self.os,
            self.os_version,
            self.arch,
            self.channel or "stable",
            self.current_version,
            self.serial_number,
            self.asset_id,
            self.user_name,
            self.user_email,
            self.referrer,
        )


class Enrolled(Wire):
    """A device's place, and its token at the one moment it is shown."""

    client_id: ClientIdRead
    msp_id: MspIdRead
    org_id: OrgIdRead
    device_token: str = Field(examples=[specimens.DEVICE_TOKEN])
    check_in_interval_seconds: int = Field(
        description="When to check in; every answer may say otherwise.", examples=[231]
    )


class EnrolledRead(Wire):
    """A device's place and token."""

    data: Enrolled


class CheckIn(Body):
    """When a device observed itself, any fact it wants to state, and what it measured."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"sequence": 343, "currentVersion": "1.0.5.42", **SAMPLE}]}
    )

    observed_at: Timestamp | None = Field(
        None, description="By default the moment of arrival; at most 30 days ago."
    )
    sent_at: Timestamp | None = Field(
        None, description="By the device's clock; corrects observedAt when that clock is wrong."
    )
    sequence: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="Counts up from enrollment; makes repeats harmless.",
    )
    os: Fact | None = None
    os_version: Fact | None = None
    arch: Fact | None = None
    channel: Fact | None = None
    current_version: Fact | None = None
    serial_number: Fact | None = None
    asset_id: Fact | None = None
    user_name: UserName | None = None
    user_email: UserEmail | None = None
    referrer: Referrer | None = None
    network: Network | None = None
    interfaces: Interfaces | None = None
    metrics: Metrics | None = Field(
        None,
        description="Finite numbers by name, at most 64; no name of what `network` has.",
    )


class CheckInList(Body):
    """Several check-ins of one device, in the order it made them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "checkIns": [
                        {"observedAt": "2026-02-24T11:51:00Z", "sequence": 341},
                        {"observedAt": specimens.INSTANT, "sequence": 342},
                    ]
                }
            ]
        }
    )

    check_ins: list[CheckIn] = Field(max_length=500)


class Rejection(Wire):
    """An item that was not taken."""

    index: int = Field(description="Its place in the request, from 0.", examples=[0])
    message: str = Field(examples=["observedAt is older than 30 days"])


class CheckInResult(Wire):
    """What became of the check-ins, and how the device stands now."""

    accepted: int = Field(examples=[1])
    duplicates: int = Field(description="Counted already.", examples=[0])
    rejected: list[Rejection] = Field(examples=[[]])
    last_seen: Timestamp | None = None
    status: Health = Field(examples=["healthy"])
    connection_state: Connection
    latest_version: str | None = Field(
        None, description="The newest release of its channel.", examples=["1.0.5.42"]
    )
    check_in_interval_seconds: int = Field(description="When to check in next.", examples=[231])


class CheckInRead(Wire):
    """What became of the check-ins."""

    data: CheckInResult


class RelayedCheckIn(CheckIn):
    """A check-in of one of the MSP's devices."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "clientId": specimens.CLIENT_ID,
                    "orgId": specimens.ORG_ID,
                    "os": "macOS",
                    "arch": "arm64",
                    "currentVersion": "1.0.5.42",
                    "metrics": SAMPLE["metrics"],
                }
            ]
        }
    )

    client_id: ClientIdText
    org_id: OrgIdText = Field(default=None, description="Where to register an unknown device.")


class RelayedCheckInList(Body):
    """Check-ins of any of the MSP's devices, each device's in the order it made them."""

    check_ins: list[RelayedCheckIn] = Field(max_length=1000)


class RelayRejection(Rejection):
    """An item that was not taken."""

    client_id: str | None = Field(
        None, description="As the item says it, if it does.", examples=[specimens.CLIENT_ID]
    )


class RelayResult(Wire):
    """What became of the check-ins."""

    accepted: int = Field(examples=[1])
    duplicates: int = Field(description="Counted already.", examples=[0])
    rejected: list[RelayRejection] = Field(examples=[[]])


class RelayRead(Wire):
    """What became of the check-ins."""

    data: RelayResult


class LogLine(Body):
    """One log entry; unknown severities are refused, synonyms such as WARNING are taken."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"severity": "INFO", "payload": {"type": "network_check", "latency_ms": 12.5}}
            ]
        }
    )

    timestamp: Timestamp | None = Field(
        None, description="By default the moment of arrival; at most 30 days ago."
    )
    severity: str = Field(description="DEBUG, INFO, WARN or ERROR, or a synonym.")
    payload: dict[str, Any] = Field(description="Anything; `clientId` is added.")


class LogLines(RootModel[list[LogLine]]):
    """Up to 500 log entries."""

    root: list[LogLine] = Field(max_length=500)


class LogResult(Wire):
    """What became of the entries."""

    accepted: int = Field(examples=[1])
    rejected: list[Rejection] = Field(examples=[[]])


class LogResultRead(Wire):
    """What became of the entries."""

    data: LogResult
