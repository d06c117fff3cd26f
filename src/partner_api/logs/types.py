"""What is read of logs."""

from dataclasses import dataclass
from datetime import datetime

from partner_api.logs.severity import Severity


@dataclass(frozen=True, slots=True)
class LogView:
    """One entry; `payload` is the JSON text the device sent."""

    logged_at: datetime
    severity: Severity
    payload: str


@dataclass(frozen=True)
class LogFilter:
    """Which entries to list, both instants included; None lets all through."""

    since: datetime | None = None
    until: datetime | None = None
    severity: Severity | None = None
