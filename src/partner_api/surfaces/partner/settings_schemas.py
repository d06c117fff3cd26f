"""Settings as they travel: all of them in an answer, those to change in a request (RFC 7396)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema, core_schema

from partner_api.settings.names import BOUNDS, DEFAULTS, Change, Setting
from partner_api.surfaces.partner.wire import Body, Wire


class RetentionDays(Wire):
    """How far back records are read; the same for the whole MSP."""

    logs: int = Field(description="Devices' logs.", examples=[30])
    status_history: int = Field(description="Devices' steps between states.", examples=[400])
    samples: int = Field(description="What devices measured, as they sent it.", examples=[7])
    minutes: int = Field(description="What it amounts to each minute.", examples=[30])
    hours: int = Field(description="What it amounts to each hour.", examples=[400])


class NetworkQualityLimits(Wire):
    """Up to which measure a network is good, and up to which degraded; above it is poor."""

    good_latency_ms: int = Field(description="There and back.", examples=[100])
    degraded_latency_ms: int = Field(description="There and back.", examples=[300])
    good_jitter_ms: int = Field(examples=[30])
    degraded_jitter_ms: int = Field(examples=[50])
    good_packet_loss_pct: int = Field(examples=[1])
    degraded_packet_loss_pct: int = Field(examples=[10])


class Settings(Wire):
    """The settings in force: the organization's, else the MSP's, else the server's."""

    streaming_seconds: int = Field(
        description="A device is streaming when it was seen less than this ago.", examples=[300]
    )
    online_seconds: int = Field(
        description="A device is online, and not offline, up to this.", examples=[3600]
    )
    critical_seconds: int = Field(
        description="A device is critical when it was not seen for longer.", examples=[86400]
    )
    offline_event_seconds: int = Field(
        description="An offline device is reported after this.", examples=[3600]
    )
    check_in_interval_seconds: int = Field(
        description="How often devices are asked to check in.", examples=[240]
    )
    retention_days: RetentionDays
    network_quality: NetworkQualityLimits


class SettingsRead(Wire):
    """The settings in force."""

    data: Settings


_GROUPS = {setting.partition(".")[0] for setting in Setting if "." in setting}


@dataclass(frozen=True)
class _Chosen:
    """What may be sent for a setting: a whole number within its bounds, or null to inherit."""

    setting: Setting

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        bounds = BOUNDS[self.setting]
        number = {"type": "integer", "minimum": bounds.lowest, "maximum": bounds.highest}
        # What has no default is the operator's to set, and four minutes are a good choice.
        examples = [DEFAULTS.get(self.setting, 240)]
        return {"anyOf": [number, {"type": "null"}], "examples": examples}

    def _check(self, value: object) -> int | None:
        return None if value is None else BOUNDS[self.setting].check(value)


def _refuse(_value: object) -> None:
    raise ValueError("is the same for the whole MSP; change it at /v1/msp/settings")


class _Change(Body):
    # Only what the document names: a misspelt setting must not look as if it were taken.
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class RetentionUpdate(_Change):
    """How far back records shall be read; null is as far as the server keeps them."""

    logs: Annotated[int | None, _Chosen(Setting.LOGS)] = None
    status_history: Annotated[int | None, _Chosen(Setting.STATUS_HISTORY)] = None
    samples: Annotated[int | None, _Chosen(Setting.SAMPLES)] = None
    minutes: Annotated[int | None, _Chosen(Setting.MINUTES)] = None
    hours: Annotated[int | None, _Chosen(Setting.HOURS)] = None


class NetworkQualityLimitsUpdate(_Change):
    """Up to which measure a network shall be good or degraded; null is as the server has it."""

    good_latency_ms: Annotated[int | None, _Chosen(Setting.GOOD_LATENCY)] = None
    degraded_latency_ms: Annotated[int | None, _Chosen(Setting.DEGRADED_LATENCY)] = None
    good_jitter_ms: Annotated[int | None, _Chosen(Setting.GOOD_JITTER)] = None
    degraded_jitter_ms: Annotated[int | None, _Chosen(Setting.DEGRADED_JITTER)] = None
    good_packet_loss_pct: Annotated[int | None, _Chosen(Setting.GOOD_PACKET_LOSS)] = None
    degraded_packet_loss_pct: Annotated[int | None, _Chosen(Setting.DEGRADED_PACKET_LOSS)] = None


class _Choices(_Change):
    streaming_seconds: Annotated[int | None, _Chosen(Setting.STREAMING)] = None
    online_seconds: Annotated[int | None, _Chosen(Setting.ONLINE)] = None
    critical_seconds: Annotated[int | None, _Chosen(Setting.CRITICAL)] = None
    offline_event_seconds: Annotated[int | None, _Chosen(Setting.OFFLINE_EVENT)] = None
    check_in_interval_seconds: Annotated[int | None, _Chosen(Setting.CHECK_IN_INTERVAL)] = None


class MspSettingsUpdate(_Choices):
    """What to choose for the whole MSP: what is absent stays, null inherits from the server."""

    retention_days: RetentionUpdate | None = Field(
        None, examples=[{"logs": 30, "statusHistory": 400}]
    )
    network_quality: NetworkQualityLimitsUpdate | None = Field(
        None, examples=[{"goodLatencyMs": 100, "degradedLatencyMs": 300}]
    )


_ForTheMsp = SkipJsonSchema[Annotated[Any, BeforeValidator(_refuse)]]


class OrganizationSettingsUpdate(_Choices):
    """What to choose for an organization: what is absent stays, null inherits from the MSP."""

    retention_days: _ForTheMsp = None
    network_quality: _ForTheMsp = None


def change_of(body: MspSettingsUpdate | OrganizationSettingsUpdate) -> Change:
    """What was sent, by setting."""
    sent = body.model_dump(by_alias=True, exclude_unset=True)
    for group in _GROUPS & sent.keys():
        sent |= _members(group, sent.pop(group))
    return {Setting(name): value for name, value in sent.items()}


def _members(group: str, sent: Mapping[str, int | None] | None) -> Mapping[str, int | None]:
    """A group's settings by their whole names; null inherits all of them again."""
    if sent is None:
        return dict.fromkeys(each for each in Setting if each.startswith(f"{group}."))
    return {f"{group}.{name}": value for name, value in sent.items()}
