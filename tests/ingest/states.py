"""Devices and check-ins as values, and as agents post them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from partner_api.devices.facts import FACT_NAMES, Facts
from partner_api.ingest.fold import DeviceState, fold
from partner_api.ingest.parse import facts_digest
from partner_api.ingest.types import CheckIn
from partner_api.kernel.timestamps import format_timestamp

START = datetime(2026, 2, 24, 12, tzinfo=UTC)
ENROLLED = {"os": "macOS", "arch": "arm64", "channel": "stable", "currentVersion": "1.0"}


def facts_of(stated: Mapping[str, str]) -> Facts:
    return tuple(stated.get(name) for name in FACT_NAMES)


def enrolled(stated: Mapping[str, str] = ENROLLED) -> DeviceState:
    """A device that never checked in."""
    return DeviceState(None, 0, None, 0, facts_of(stated), None, 0, None)


def check_in(seconds: float, sequence: int | None = None, **stated: str) -> CheckIn:
    """What a device said `seconds` after START."""
    return check_in_at(START + timedelta(seconds=seconds), sequence, stated)


def check_in_at(at: datetime, sequence: int | None, stated: Mapping[str, str]) -> CheckIn:
    facts = facts_of(stated)
    return CheckIn(at, sequence, facts, facts_digest(facts))


def fold_all(state: DeviceState, check_ins: Iterable[CheckIn]) -> DeviceState:
    for item in check_ins:
        state = fold(state, item) or state
    return state


def stated_facts(said: DeviceState | CheckIn) -> dict[str, str]:
    return {
        name: value for name, value in zip(FACT_NAMES, said.facts, strict=True) if value is not None
    }


def posted(item: CheckIn) -> dict[str, Any]:
    """A check-in as its agent posts it."""
    body: dict[str, Any] = {**stated_facts(item), "observedAt": format_timestamp(item.observed_at)}
    return body if item.sequence is None else body | {"sequence": item.sequence}
