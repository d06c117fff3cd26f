"""What one check-in makes of a device: a pure function, in which order they arrive or not.

- `last_seen` is the newest instant observed and never moves back.
- Every fact keeps the value of the newest check-in that stated it; of two that state it at the
  same instant the greater value stays. So any order of arrival ends in the same facts. A fact an
  integrator set is pinned: check-ins do not change it.
- With a sequence number, a check-in counts once: one at or below the highest minus 64, or one
  seen among the newest 64, is a duplicate. Without, only one observed at `last_seen` itself is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from struct import Struct

from partner_api.devices.facts import FACT_NAMES, Facts
from partner_api.ingest.types import CheckIn
from partner_api.kernel.paging import micros

WINDOW = 64

_FULL = (1 << WINDOW) - 1
_NEVER = -(1 << 63)
_INSTANTS = Struct(f">{len(FACT_NAMES)}q")


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What a device's row holds of its check-ins."""

    last_seen: datetime | None
    check_in_count: int
    sequence_high: int | None
    sequence_window: int
    facts: Facts
    facts_digest: int | None
    facts_stated: int
    facts_at: bytes | None
    facts_pinned: int = 0


def fold(state: DeviceState, check_in: CheckIn) -> DeviceState | None:
    """The device after a check-in, or None when that was a duplicate and changes nothing."""
    sequence = _sequence(state, check_in)
    if sequence is None:
        return None
    high, window = sequence
    facts, stated, facts_at = _facts(state, check_in)
    return replace(
        state,
        last_seen=_later(state.last_seen, check_in.observed_at),
        check_in_count=state.check_in_count + 1,
        sequence_high=high,
        sequence_window=window,
        facts=facts,
        facts_digest=_digest(state, check_in),
        facts_stated=stated,
        facts_at=facts_at,
    )


def _sequence(state: DeviceState, check_in: CheckIn) -> tuple[int | None, int] | None:
    high, window, number = state.sequence_high, state.sequence_window & _FULL, check_in.sequence
    if number is None:
        return None if check_in.observed_at == state.last_seen else (high, _signed(window))
    if high is None or number >= high + WINDOW:
        return number, 1
    if number > high:
        return number, _signed((window << (number - high) | 1) & _FULL)
    if number <= high - WINDOW:
        return None
    bit = 1 << (high - number)
    return None if window & bit else (high, _signed(window | bit))


def _signed(window: int) -> int:
    # Postgres keeps the 64 bits in a signed bigint.
    return window - (1 << WINDOW) if window >> (WINDOW - 1) else window


def _later(known: datetime | None, observed: datetime) -> datetime:
    return observed if known is None else max(known, observed)


def _digest(state: DeviceState, check_in: CheckIn) -> int | None:
    if state.last_seen is None or check_in.observed_at > state.last_seen:
        return check_in.digest
    # Two at one instant: neither alone is what the newest stated, so the next one is looked at.
    return None if check_in.observed_at == state.last_seen else state.facts_digest


def _facts(state: DeviceState, check_in: CheckIn) -> tuple[Facts, int, bytes | None]:
    observed = _micros(check_in.observed_at)
    newest = max(observed, _micros(state.last_seen))
    instants = _stated_at(state)
    facts = list(state.facts)
    for fact, value in enumerate(check_in.facts):
        if value is None or state.facts_pinned >> fact & 1:
            continue
        if (observed, value) > (instants[fact], facts[fact] or ""):
            facts[fact], instants[fact] = value, observed
    stated = sum(1 << fact for fact, instant in enumerate(instants) if instant == newest)
    return tuple(facts), stated, _pack(instants, newest)


def _stated_at(state: DeviceState) -> list[int]:
    left_out = _INSTANTS.unpack(state.facts_at) if state.facts_at else [_NEVER] * len(FACT_NAMES)
    newest = _micros(state.last_seen)
    return [
        newest if state.facts_stated >> fact & 1 else instant
        for fact, instant in enumerate(left_out)
    ]


def _pack(instants: Sequence[int], newest: int) -> bytes | None:
    left_out = [_NEVER if instant == newest else instant for instant in instants]
    return None if set(left_out) == {_NEVER} else _INSTANTS.pack(*left_out)


def _micros(instant: datetime | None) -> int:
    value = micros(instant)
    return _NEVER if value is None else value
