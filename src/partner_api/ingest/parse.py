"""Bodies that devices post, read into check-ins and log lines; one bad item spoils no other."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import replace

from partner_api.devices.facts import FACT_NAMES, Facts, check_fact
from partner_api.ingest.samples import Metrics, WireInterfaces, WireNetwork, make_sample
from partner_api.ingest.types import CheckIn, LogLine, Parsed, Rejection, RelayedCheckIn
from partner_api.kernel.errors import Invalid, TooLarge
from partner_api.kernel.ids import (
    ClientId,
    OrgId,
    format_client_id,
    parse_client_id,
    parse_client_ids,
    parse_org_id,
)
from partner_api.kernel.timestamps import parse_timestamp
from partner_api.logs.severity import ACCEPTED_WORDS, parse_severity

MOST_ITEMS = 500
MOST_RELAYED = 1000
LARGEST_ITEM = 16 * 1024
_HALF_PAIR = b"\\ud"
DEEPEST = 64
"""Levels a payload may nest: far below where any reader, ours included, gives up."""
OLDEST = timedelta(days=30)
AHEAD = timedelta(seconds=60)

Item = TypeVar("Item")


class _CheckIn(Struct):
    observedAt: str | None = None
    sentAt: str | None = None
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    os: str | None = None
    osVersion: str | None = None
    arch: str | None = None
    channel: str | None = None
    currentVersion: str | None = None
    serialNumber: str | None = None
    assetId: str | None = None
    userName: str | None = None
    userEmail: str | None = None
    referrer: str | None = None
    network: WireNetwork | None = None
    interfaces: WireInterfaces | None = None
    metrics: Metrics | None = None


class _CheckInBody(_CheckIn):
    checkIns: list[Raw] | UnsetType = UNSET


class _RelayedCheckIn(_CheckIn, kw_only=True):
    clientId: str
    orgId: str | None = None


class _ClientId(Struct):
    clientId: str


class _RelayBody(Struct):
    checkIns: list[Raw]


class _WholeRelayBody(Struct):
    checkIns: list[_RelayedCheckIn]


class _LogLine(Struct):
    severity: str
    payload: dict[str, object]
    timestamp: str | None = None


_decode_body = msgspec.json.Decoder(_CheckInBody).decode
_decode_check_in = msgspec.json.Decoder(_CheckIn).decode
_decode_relay_body = msgspec.json.Decoder(_RelayBody).decode
_decode_whole_relay_body = msgspec.json.Decoder(_WholeRelayBody).decode
_decode_relayed_check_in = msgspec.json.Decoder(_RelayedCheckIn).decode
_decode_client_id = msgspec.json.Decoder(_ClientId).decode
_decode_log_lines = msgspec.json.Decoder(list[Raw]).decode
_decode_log_line = msgspec.json.Decoder(_LogLine).decode
_VALIDATION_ERROR = re.compile(r"(.*?) - at `\$?\.?(.*?)`")
_BOUND = re.compile(r"Expected `(\w+)` (of length )?([<>])= (-?\d+)(?:\.0)?")
_PARTS = {"str": "characters", "array": "items", "object": "members"}


def parse_check_ins(body: bytes, now: datetime) -> Parsed[CheckIn]:
    """One check-in or `{"checkIns": [...]}`; Invalid for a body that is neither, or a bad one."""
    raws = _salvaged(body, "checkIns")
    if raws is None:
        wire = _decoded(_decode_body, body)
        if wire.checkIns is UNSET:
            if len(body) > LARGEST_ITEM:
                raise TooLarge(f"A check-in may have {LARGEST_ITEM} bytes")
            return Parsed([_check_in(wire, now)], [])
        raws = wire.checkIns
    return _each(raws, lambda _, raw: _check_in(_decoded(_decode_check_in, raw), now))


def parse_relay(body: bytes, now: datetime) -> Parsed[RelayedCheckIn]:
    """`{"checkIns": [...]}` of any of an MSP's devices; Invalid for a body that is none."""
    raws = _salvaged(body, "checkIns") or _decoded(_decode_relay_body, body).checkIns
    parsed = _at_once(body, raws, now) or _each(
        raws,
        lambda index, raw: _relayed(index, _decoded(_decode_relayed_check_in, raw), now),
        MOST_RELAYED,
    )
    return Parsed(parsed.items, [_named(rejection, raws) for rejection in parsed.rejected])


def parse_log_lines(body: bytes, client_id: ClientId, now: datetime) -> Parsed[LogLine]:
    """A bare array of log entries; Invalid for a body that is none."""
    raws = _salvaged(body, None) or _decoded(_decode_log_lines, body)
    return _each(raws, lambda _, raw: _log_line(_decoded(_decode_log_line, raw), client_id, now))


def _each(
    raws: Sequence[Raw], parse: Callable[[int, Raw], Item], most: int = MOST_ITEMS
) -> Parsed[Item]:
    if len(raws) > most:
        raise Invalid(f"A request may carry at most {most} items, this one has {len(raws)}")
    items: list[Item] = []
    rejected: list[Rejection] = []
    for index, raw in enumerate(raws):
        try:
            items.append(parse(index, _small_enough(raw)))
        except Invalid as error:
            rejected.append(Rejection(index, error.message))
    return Parsed(items, rejected)


def _salvaged(body: bytes, key: str | None) -> list[Raw] | None:
    """The items of a list that holds a text cut in the middle of a character, else None.

    JSON's grammar allows half of a surrogate pair; the decoder refuses the whole body for it. Here
    the items are taken apart, so that only the one with the broken text is refused.
    """
    if _HALF_PAIR not in body.lower():
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    items = document if key is None or not isinstance(document, dict) else document.get(key)
    return [Raw(json.dumps(item).encode()) for item in items] if isinstance(items, list) else None


def _at_once(body: bytes, raws: Sequence[Raw], now: datetime) -> Parsed[RelayedCheckIn] | None:
    """The items of a body in which each is well-formed, decoded in one go; else None."""
    if len(raws) > MOST_RELAYED or max(map(len, raws), default=0) > LARGEST_ITEM:
        return None
    try:
        wires = _decode_whole_relay_body(body).checkIns
        client_ids = parse_client_ids([wire.clientId for wire in wires])
        if client_ids is None:
            return None
        items = [
            RelayedCheckIn(index, client_id, _org_id(wire), _check_in(wire, now))
            for index, (client_id, wire) in enumerate(zip(client_ids, wires, strict=True))
        ]
    except (Invalid, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Parsed(items, [])


def _small_enough(raw: Raw) -> Raw:
    if len(raw) > LARGEST_ITEM:
        raise Invalid(f"An item may have {LARGEST_ITEM} bytes")
    return raw


def _check_in(wire: _CheckIn, now: datetime) -> CheckIn:
    facts, digest = _checked(_facts(wire))
    # Asked for in place: most check-ins leave these out, and a call is no small part of all this.
    observed_at = now if wire.observedAt is wire.sentAt is None else _observed_at(wire, now)
    if wire.network is None and wire.interfaces is None and wire.metrics is None:
        return CheckIn(observed_at, wire.sequence, facts, digest)
    sample = make_sample(wire.network, wire.interfaces, wire.metrics)
    return CheckIn(observed_at, wire.sequence, facts, digest, sample)


def _observed_at(wire: _CheckIn, now: datetime) -> datetime:
    sent_at = now if wire.sentAt is None else _timestamp("sentAt", wire.sentAt)
    if wire.observedAt is None:
        return now
    # The device's clock was wrong by this much when it sent, and so it was when it observed.
    observed_at = _timestamp("observedAt", wire.observedAt) + (now - sent_at)
    return _bounded("observedAt", observed_at, now)


def _relayed(index: int, wire: _RelayedCheckIn, now: datetime) -> RelayedCheckIn:
    client_id = parse_client_id(wire.clientId)
    if client_id is None:
        raise Invalid("clientId must be a UUID")
    return RelayedCheckIn(index, client_id, _org_id(wire), _check_in(wire, now))


def _org_id(wire: _RelayedCheckIn) -> OrgId | None:
    if wire.orgId is None:
        return None
    org_id = parse_org_id(wire.orgId)
    if org_id is None:
        raise Invalid("orgId must be org_ and a lower-case UUID")
    return org_id


def _named(rejection: Rejection, raws: Sequence[Raw]) -> Rejection:
    """The rejection with the device it is about, if the item says that much."""
    try:
        name = _decode_client_id(raws[rejection.index]).clientId
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return rejection
    return replace(rejection, client_id=name)


def _log_line(wire: _LogLine, client_id: ClientId, now: datetime) -> LogLine:
    severity = parse_severity(wire.severity)
    if severity is None:
        raise Invalid(f"severity must be one of {', '.join(ACCEPTED_WORDS)}")
    timestamp = now if wire.timestamp is None else _timestamp("timestamp", wire.timestamp)
    if _is_deep(wire.payload):
        raise Invalid(f"payload may nest {DEEPEST} levels deep")
    payload = {**wire.payload, "clientId": format_client_id(client_id)}
    return LogLine(
        _bounded("timestamp", timestamp, now), severity, msgspec.json.encode(payload).decode()
    )


def _is_deep(payload: dict[str, object]) -> bool:
    level: list[object] = [payload]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _bounded(name: str, instant: datetime, now: datetime) -> datetime:
    if instant < now - OLDEST:
        raise Invalid(f"{name} is older than {OLDEST.days} days")
    return now if instant > now + AHEAD else instant


def _timestamp(name: str, text: str) -> datetime:
    instant = parse_timestamp(text)
    if instant is None:
        raise Invalid(f"{name} must be an RFC 3339 timestamp such as 2026-02-24T11:55:00Z")
    return instant


def _facts(wire: _CheckIn) -> Facts:
    return (
        wire.os,
        wire.osVersion,
        wire.arch,
        wire.channel,
        wire.currentVersion,
        wire.serialNumber,
        wire.assetId,
        wire.userName,
        wire.userEmail,
        wire.referrer,
    )


@lru_cache(maxsize=10_000)
def _checked(facts: Facts) -> tuple[Facts, int]:
    """The facts themselves and their digest; Invalid names the first that is not acceptable."""
    for name, value in zip(FACT_NAMES, facts, strict=True):
        if value is not None:
            check_fact(name, value)
    return facts, facts_digest(facts)


def facts_digest(facts: Facts) -> int:
    """64 bits that tell facts apart, as a signed integer."""
    digest = hashlib.blake2b(msgspec.json.encode(facts), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _decoded(decode: Callable[[bytes | Raw], Item], data: bytes | Raw) -> Item:
    try:
        return decode(data)
    except msgspec.ValidationError as error:
        raise Invalid(_explained(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"The body is not valid JSON: {error}") from None


def _explained(message: str) -> str:
    match = _VALIDATION_ERROR.fullmatch(message)
    text, path = match.groups() if match else (message, "")
    if not path:
        return text
    bound = _BOUND.fullmatch(text)
    return f"{path} must {_bound(*bound.groups())}" if bound else f"{path}: {text}"


def _bound(kind: str, of_length: str | None, sign: str, value: str) -> str:
    if not of_length:
        return f"be at {'least' if sign == '>' else 'most'} {value}"
    # The one length that must be reached is 1.
    return f"have at most {value} {_PARTS[kind]}" if sign == "<" else "not be empty"
