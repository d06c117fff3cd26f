"""Settings as they travel: all of them in an answer, those to change in a request (RFC 7396)."""

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


class SettingsRead(Wire):
    """The settings in force."""

    data: Settings


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


def _refuse_retention(_value: object) -> None:
    raise ValueError("is the same for the whole MSP; change it at /v1/msp/settings")


class _Change(Body):
    # Only what the document names: a misspelt setting must not look as if it were taken.
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class RetentionUpdate(_Change):
    """How far back records shall be read; null is as far as the server keeps them."""

    logs: Annotated[int | None, _Chosen(Setting.LOGS)] = None
    status_history: Annotated[int | None, _Chosen(Setting.STATUS_HISTORY)] = None


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


class OrganizationSettingsUpdate(_Choices):
    """What to choose for an organization: what is absent stays, null inherits from the MSP."""

    retention_days: SkipJsonSchema[Annotated[Any, BeforeValidator(_refuse_retention)]] = None


def change_of(body: MspSettingsUpdate | OrganizationSettingsUpdate) -> Change:
    """What was sent, by setting."""
    sent = body.model_dump(by_alias=True, exclude_unset=True)
    retention = sent.pop("retentionDays", {})
    if retention is None:
        retention = dict.fromkeys(("logs", "statusHistory"))
    sent |= {f"retentionDays.{name}": days for name, days in retention.items()}
    return {Setting(name): value for name, value in sent.items()}
