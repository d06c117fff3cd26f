"""The one write path of check-ins.

The everyday check-in, newer than the last and saying the same of a device that goes on streaming,
is written by `check_in_calm`, many to a statement, and by `relay_check_ins` where an integrator
passes it on; that of a device whose state moves by `check_in_stepping` right after it. Whatever
these leave is read under a lock by `check_in_lock`, folded in Python and written back by
`check_in_folded` before the lock goes. A device's state moves, and its steps are recorded, in the
statement that writes the device.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from partner_api.devices.facts import asset_sort, version_sort
from partner_api.identity.tokens import invalid_token
from partner_api.ingest.fold import DeviceState, fold
from partner_api.ingest.groups import Bounds, GroupWriter, Item, Outcome
from partner_api.ingest.relayed import Relayed, RelayedWriter
from partner_api.ingest.runs import Run, runs_of
from partner_api.ingest.types import CheckIn, CheckInOutcome, RelayedCheckIn
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Unauthenticated, Unavailable
from partner_api.kernel.ids import MspId
from partner_api.kernel.metrics import CHECK_INS
from partner_api.status.rules import Stage, Thresholds
from partner_api.telemetry.inbox import Kept, columns, keep_sql
from partner_api.tenancy.grouping import EVERY_TENANT, Grouping
from partner_api.tenancy.principal import DevicePrincipal

PLAN_SETTINGS = {
    # The group's statement is a key look-up per row whatever the statistics say, and its rows
    # must be locked in the order they come.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}

_ACCEPTED, _DUPLICATE = CHECK_INS.labels("accepted"), CHECK_INS.labels("duplicate")
_STAGES = tuple(Stage)
CALM = "select * from check_in_calm({}, $2, $3, $4, $5, $6, $7)"
STEPPING = "select * from check_in_stepping({}, $2, $3, $4, $5, $6, $7)"
# The samples of those it wrote, in the statement that writes them.
_WITH_SAMPLES = f"""
    with done as materialized ({{}}), kept as materialized (
        select {keep_sql("(select array_agg(ordinal) from done)", 8)})
    select done.* from done left join kept on true"""
_KEEP = f"select {keep_sql('$7', 1)}"
_LOCK = "select * from check_in_lock({}, $2, $3)"
_FOLDED = f"select * from check_in_folded({{}}, {', '.join(f'${n}' for n in range(2, 29))})"


class _One(Struct, frozen=True):
    device: DevicePrincipal
    check_in: CheckIn


class _Several(Struct, frozen=True):
    device: DevicePrincipal
    check_ins: Sequence[CheckIn]


@dataclass(frozen=True, slots=True)
class _Folded:
    """A device as it was read, and as its check-ins leave it."""

    entry: _Several
    before: DeviceState
    after: DeviceState
    taken: Sequence[CheckIn]
    """Those of them that were new."""
    runs: Sequence[Run]
    thresholds: Thresholds
    check_in_interval_seconds: int | None

    @property
    def has_changed(self) -> bool:
        """Whether any of the check-ins was new."""
        return self.after is not self.before

    def outcome(self, newest: Record, now: datetime) -> CheckInOutcome:
        """What to answer; `newest` names the newest release that applies to the device."""
        accepted = self.after.check_in_count - self.before.check_in_count
        version, sort = newest["latest_version"], newest["latest_sort"]
        return CheckInOutcome(
            accepted=accepted,
            duplicates=len(self.entry.check_ins) - accepted,
            last_seen=self.after.last_seen,
            stage=self.thresholds.stage(self.after.last_seen, now),
            is_current_version=sort is None or version_sort(self.after.facts) >= sort,
            latest_version=version,
            check_in_interval_seconds=self.check_in_interval_seconds,
        )


_ONES = Bounds[_One](lambda _: 1, group=500, waiting=20_000)
# A fold takes about 15 us of this process while rows are locked: thirty milliseconds at most.
_SEVERALS = Bounds[_Several](lambda entry: len(entry.check_ins), group=2000, waiting=100_000)


class CheckIns:
    """Takes check-ins of verified shape and unverified token."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, grouping: Grouping = EVERY_TENANT) -> None:
        self._clock = clock
        self._grouping = grouping
        self._calm = self._writer_of_ones("calm", pool, CALM)
        self._stepping = self._writer_of_ones("stepping", pool, STEPPING)
        self._careful = GroupWriter("careful", pool, self._write_folded, _key, _SEVERALS, grouping)
        self._relayed = RelayedWriter(pool, clock, grouping)

    def start(self) -> None:
        """Begin to write."""
        self._calm.start()
        self._stepping.start()
        self._careful.start()
        self._relayed.start()

    async def stop(self) -> None:
        """Write what waits, then end."""
        await self._relayed.stop()
        await self._calm.stop()
        await self._stepping.stop()
        await self._careful.stop()

    async def check_in(
        self, device: DevicePrincipal, check_ins: Sequence[CheckIn]
    ) -> CheckInOutcome:
        """Take a device's check-ins in their order; returns after the commit.

        Unauthenticated when the token is not the device's present one; Unavailable.
        """
        outcome = await self._write(device, check_ins)
        _count([outcome])
        return outcome

    async def check_in_relayed(self, msp_id: MspId, items: Sequence[RelayedCheckIn]) -> Relayed:
        """Take the everyday ones among an MSP's check-ins, one a device; Unavailable.

        The MSP is a verified integrator's. What is left is for `check_in_all`.
        """
        return await self._relayed.write(msp_id, items)

    async def check_in_all(
        self, batches: Sequence[tuple[DevicePrincipal, Sequence[CheckIn]]]
    ) -> Sequence[CheckInOutcome | Exception]:
        """As `check_in`, for many devices of one tenant; each one's outcome or what went wrong.

        Everyday ones are taken as well, and faster by `check_in_relayed`.
        """
        outcomes: list[CheckInOutcome | Exception | None] = [None] * len(batches)
        ones = [n for n, (_, check_ins) in enumerate(batches) if len(check_ins) == 1]
        items = [_One(batches[n][0], batches[n][1][0]) for n in ones]
        written = await _all_of(self._stepping, items)
        for n, outcome in zip(ones, written, strict=True):
            outcomes[n] = outcome
        left = [n for n, outcome in enumerate(outcomes) if outcome is None]
        several = [_Several(*batches[n]) for n in left]
        folded = await _all_of(self._careful, several)
        for n, result in zip(left, folded, strict=True):
            outcomes[n] = result
        done = [outcome for outcome in outcomes if outcome is not None]
        _count([outcome for outcome in done if isinstance(outcome, CheckInOutcome)])
        return done

    async def _write(self, device: DevicePrincipal, check_ins: Sequence[CheckIn]) -> CheckInOutcome:
        if len(check_ins) == 1:
            one = _One(device, check_ins[0])
            outcome = await self._calm.submit(one) or await self._stepping.submit(one)
            if outcome is not None:
                return outcome
        folded = await self._careful.submit(_Several(device, check_ins))
        if isinstance(folded, Unauthenticated):
            raise folded
        return folded

    def _writer_of_ones(
        self, name: str, pool: asyncpg.Pool, statement: str
    ) -> GroupWriter[_One, CheckInOutcome | None]:
        write = partial(self._write_ones, statement.format(self._grouping.argument))
        return GroupWriter(name, pool, write, _key, _ONES, self._grouping)

    async def _write_ones(
        self, statement: str, connection: PoolConnectionProxy, entries: Sequence[_One]
    ) -> Sequence[CheckInOutcome | None]:
        check_ins, now = [entry.check_in for entry in entries], self._clock.now()
        parameters = [
            *self._keys([entry.device for entry in entries]),
            [check_in.observed_at for check_in in check_ins],
            [check_in.sequence for check_in in check_ins],
            [check_in.digest for check_in in check_ins],
            now,
        ]
        samples = self._samples((entry.device, [entry.check_in]) for entry in entries)
        if samples:
            statement = _WITH_SAMPLES.format(statement)
            parameters += columns(samples, now)
        rows = await connection.fetch(statement, *parameters)
        outcomes: list[CheckInOutcome | None] = [None] * len(entries)
        for ordinal, last_seen, stage, interval, version, latest_version, latest_sort in rows:
            is_current = latest_sort is None or version >= latest_sort
            outcomes[ordinal - 1] = CheckInOutcome(
                1, 0, last_seen, _STAGES[stage], is_current, latest_version, interval
            )
        return outcomes

    async def _write_folded(
        self, connection: PoolConnectionProxy, entries: Sequence[_Several]
    ) -> Sequence[CheckInOutcome | Unauthenticated]:
        async with connection.transaction():
            lock = _LOCK.format(self._grouping.argument)
            rows = await connection.fetch(lock, *self._keys([entry.device for entry in entries]))
            now = self._clock.now()
            newest = {row["ordinal"] - 1: row for row in rows}
            folded = {n: _fold(entries[n], row) for n, row in newest.items()}
            changed = [n for n in sorted(folded) if folded[n].has_changed]
            if changed:
                careful = _FOLDED.format(self._grouping.argument)
                written_columns = self._columns([folded[n] for n in changed])
                written = await connection.fetch(careful, *written_columns, now)
                # Another channel may have another newest release.
                newest |= {changed[row["ordinal"] - 1]: row for row in written}
                await self._keep_samples(connection, [folded[n] for n in changed], now)
        return [
            folded[n].outcome(newest[n], now) if n in folded else invalid_token()
            for n in range(len(entries))
        ]

    async def _keep_samples(
        self, connection: PoolConnectionProxy, changed: Sequence[_Folded], now: datetime
    ) -> None:
        samples = self._samples((folded.entry.device, folded.taken) for folded in changed)
        if samples:
            taken = [sample.ordinal for sample in samples]
            await connection.execute(_KEEP, *columns(samples, now), taken)

    def _samples(
        self, taken: Iterable[tuple[DevicePrincipal, Sequence[CheckIn]]]
    ) -> Sequence[Kept]:
        """What these devices' check-ins measured; the first device's have the ordinal 1."""
        if self._grouping.is_one_tenant:
            # Nobody digests samples there.
            return []
        return [
            Kept(n, device.msp_id, device.client_id, check_in.observed_at, check_in.sample)
            for n, (device, check_ins) in enumerate(taken, start=1)
            for check_in in check_ins
            if check_in.sample is not None
        ]

    def _columns(self, changed: Sequence[_Folded]) -> Sequence[object]:
        after = [folded.after for folded in changed]
        facts = zip(*(state.facts for state in after), strict=True)
        runs = [(n, run) for n, folded in enumerate(changed, start=1) for run in folded.runs]
        seen = [
            (n, check_in.observed_at)
            for n, folded in enumerate(changed, start=1)
            for check_in in folded.taken
        ]
        return [
            *self._keys([folded.entry.device for folded in changed]),
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
            [ordinal for ordinal, _ in runs],
            [run.start for _, run in runs],
            [run.end for _, run in runs],
            [ordinal for ordinal, _ in seen],
            [moment for _, moment in seen],
        ]

    def _keys(self, devices: Sequence[DevicePrincipal]) -> Sequence[object]:
        return [
            self._grouping.tenants([device.msp_id for device in devices]),
            [device.client_id for device in devices],
            [device.token_hash for device in devices],
        ]


async def _all_of(
    writer: GroupWriter[Item, Outcome], items: Sequence[Item]
) -> Sequence[Outcome | Exception]:
    try:
        return await writer.submit_all(items)
    except Unavailable as error:
        return [error] * len(items)


def _count(outcomes: Sequence[CheckInOutcome]) -> None:
    _ACCEPTED.inc(sum(outcome.accepted for outcome in outcomes))
    duplicates = sum(outcome.duplicates for outcome in outcomes)
    if duplicates:
        _DUPLICATE.inc(duplicates)


def _key(entry: _One | _Several) -> tuple[bytes, bytes]:
    return entry.device.msp_id.bytes, entry.device.client_id.bytes


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
    taken = []
    for check_in in entry.check_ins:
        folded = fold(after, check_in)
        if folded is not None:
            after = folded
            taken.append(check_in)
    thresholds = Thresholds(
        row["streaming_seconds"], row["online_seconds"], row["critical_seconds"]
    )
    runs = runs_of([check_in.observed_at for check_in in taken], thresholds)
    return _Folded(entry, before, after, taken, runs, thresholds, row["check_in_interval_seconds"])
