"""The one write path of check-ins.

The everyday check-in, newer than the last and saying the same, is written by `check_in_group`,
many to a statement. Whatever that leaves is read, folded in Python and written back by
`check_in_write`, which refuses a row that changed meanwhile; then it is read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.devices.facts import asset_sort, version_sort
from partner_api.identity.tokens import invalid_token
from partner_api.ingest.fold import DeviceState, fold
from partner_api.ingest.groups import GroupWriter
from partner_api.ingest.types import CheckIn, CheckInOutcome
from partner_api.kernel.errors import PartnerApiError, Unavailable
from partner_api.tenancy.principal import DevicePrincipal

PLAN_SETTINGS = {
    # The group's statement is a key look-up per row whatever the statistics say, and its rows
    # must be locked in the order they come.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}

_LARGEST_GROUP = 500
_READS = 5
_GROUP = "select * from check_in_group($1, $2, $3, $4, $5, $6)"
_READ = "select * from check_in_read($1, $2, $3)"
_WRITE = f"select * from check_in_write({', '.join(f'${n}' for n in range(1, 24))})"


@dataclass(frozen=True, slots=True)
class _One:
    device: DevicePrincipal
    check_in: CheckIn


@dataclass(frozen=True, slots=True)
class _Several:
    device: DevicePrincipal
    check_ins: Sequence[CheckIn]


@dataclass(frozen=True, slots=True)
class _Folded:
    """A device as it was read, and as its check-ins leave it."""

    entry: _Several
    before: DeviceState
    after: DeviceState

    def outcome(self, latest_version: str | None, latest_sort: str | None) -> CheckInOutcome:
        """What to answer, given the newest release that applies to the device."""
        accepted = self.after.check_in_count - self.before.check_in_count
        return CheckInOutcome(
            accepted=accepted,
            duplicates=len(self.entry.check_ins) - accepted,
            last_seen=self.after.last_seen,
            is_current_version=latest_sort is None or version_sort(self.after.facts) >= latest_sort,
            latest_version=latest_version,
        )


class CheckIns:
    """Takes check-ins of verified shape and unverified token."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._everyday = GroupWriter(pool, _write_group, _key, _LARGEST_GROUP)
        self._careful = GroupWriter(pool, _write_folded, _key, _LARGEST_GROUP)

    def start(self) -> None:
        """Begin to write."""
        self._everyday.start()
        self._careful.start()

    async def stop(self) -> None:
        """Write what waits, then end."""
        await self._everyday.stop()
        await self._careful.stop()

    async def check_in(
        self, device: DevicePrincipal, check_ins: Sequence[CheckIn]
    ) -> CheckInOutcome:
        """Take a device's check-ins in their order; returns after the commit.

        Unauthenticated when the token is not the device's present one; Unavailable.
        """
        if len(check_ins) == 1:
            outcome = await self._everyday.submit(_One(device, check_ins[0]))
            if outcome is not None:
                return outcome
        folded = await self._careful.submit(_Several(device, check_ins))
        if isinstance(folded, PartnerApiError):
            raise folded
        return folded


def _key(entry: _One | _Several) -> tuple[bytes, bytes]:
    return entry.device.msp_id.bytes, entry.device.client_id.bytes


async def _write_group(
    connection: PoolConnectionProxy, entries: Sequence[_One]
) -> Sequence[CheckInOutcome | None]:
    devices = [entry.device for entry in entries]
    check_ins = [entry.check_in for entry in entries]
    rows = await connection.fetch(
        _GROUP,
        *_keys(devices),
        [check_in.observed_at for check_in in check_ins],
        [check_in.sequence for check_in in check_ins],
        [check_in.digest for check_in in check_ins],
    )
    outcomes: list[CheckInOutcome | None] = [None] * len(entries)
    for ordinal, last_seen, version, latest_version, latest_sort in rows:
        is_current = latest_sort is None or version >= latest_sort
        outcomes[ordinal - 1] = CheckInOutcome(1, 0, last_seen, is_current, latest_version)
    return outcomes


async def _write_folded(
    connection: PoolConnectionProxy, entries: Sequence[_Several]
) -> Sequence[CheckInOutcome | PartnerApiError]:
    outcomes: dict[int, CheckInOutcome | PartnerApiError] = {}
    for _ in range(_READS):
        open_entries = [n for n in range(len(entries)) if n not in outcomes]
        if not open_entries:
            break
        settled = await _read_fold_write(connection, [entries[n] for n in open_entries])
        outcomes.update({open_entries[n]: outcome for n, outcome in settled.items()})
    busy = Unavailable("This device checks in too often at once; try again shortly")
    return [outcomes.get(n, busy) for n in range(len(entries))]


async def _read_fold_write(
    connection: PoolConnectionProxy, entries: Sequence[_Several]
) -> dict[int, CheckInOutcome | PartnerApiError]:
    """Settle what can be; an entry left out met another writer and is to be tried again."""
    rows = {
        row["ordinal"] - 1: row
        for row in await connection.fetch(_READ, *_keys([entry.device for entry in entries]))
    }
    outcomes: dict[int, CheckInOutcome | PartnerApiError] = {
        n: invalid_token() for n in range(len(entries)) if n not in rows
    }
    changed: list[tuple[int, _Folded]] = []
    for n, row in sorted(rows.items()):
        folded = _fold(entries[n], row)
        if folded.after is folded.before:
            outcomes[n] = folded.outcome(row["latest_version"], row["latest_sort"])
        else:
            changed.append((n, folded))
    if changed:
        for row in await connection.fetch(_WRITE, *_columns([folded for _, folded in changed])):
            n, folded = changed[row["ordinal"] - 1]
            outcomes[n] = folded.outcome(row["latest_version"], row["latest_sort"])
    return outcomes


def _fold(entry: _Several, row: Record) -> _Folded:
    before = after = DeviceState(
        last_seen=row["last_seen"],
        check_in_count=row["check_in_count"],
        sequence_high=row["sequence_high"],
        sequence_window=row["sequence_window"],
        facts=tuple(row["facts"]),
        facts_digest=row["facts_digest"],
        facts_stated=row["facts_stated"],
        facts_pinned=row["facts_pinned"],
        facts_at=row["facts_at"],
    )
    for check_in in entry.check_ins:
        after = fold(after, check_in) or after
    return _Folded(entry, before, after)


def _columns(changed: Sequence[_Folded]) -> Sequence[Sequence[object]]:
    after = [folded.after for folded in changed]
    facts = zip(*(state.facts for state in after), strict=True)
    return [
        *_keys([folded.entry.device for folded in changed]),
        [folded.before.check_in_count for folded in changed],
        [state.last_seen for state in after],
        [state.check_in_count for state in after],
        [state.sequence_high for state in after],
        [state.sequence_window for state in after],
        [state.facts_digest for state in after],
        [state.facts_stated for state in after],
        [state.facts_at for state in after],
        *(list(column) for column in facts),
        [version_sort(state.facts) for state in after],
        [asset_sort(state.facts) for state in after],
    ]


def _keys(devices: Sequence[DevicePrincipal]) -> Sequence[Sequence[object]]:
    return [
        [device.msp_id for device in devices],
        [device.client_id for device in devices],
        [device.token_hash for device in devices],
    ]
