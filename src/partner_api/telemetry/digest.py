"""What becomes of samples: each is counted once, wherever it was measured and however late it came.

In one transaction samples leave the inbox and enter their devices' present, the sums and sketches
of what is over, and their organizations' sketches. A worker that is killed has done nothing, and
the next one finds them where they were.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Final
from uuid import UUID

import asyncpg
from asyncpg import QueryCanceledError, Record
from asyncpg.pool import PoolConnectionProxy
from msgspec import json
from msgspec.structs import replace

from partner_api.database.pools import DATABASE_AWAY
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import ClientId, MspId, format_client_id, format_msp_id
from partner_api.kernel.metrics import SAMPLES
from partner_api.settings.quality import limits_of
from partner_api.status.quality import Limits
from partner_api.telemetry.closing import Closing, Slot
from partner_api.telemetry.inbox import decode_sample
from partner_api.telemetry.live import (
    LEVELS,
    WINDOW,
    Live,
    folded,
    fresh_points,
    judged_hours,
    leaving,
)
from partner_api.telemetry.moments import (
    floor,
    from_millis,
    millis_or_none,
    or_none,
    to_millis,
)
from partner_api.telemetry.packing import HOUR, PackedPoints, Point, point_of
from partner_api.telemetry.stretches import add_to_stretches
from partner_api.telemetry.types import Sample

MOST_SAMPLES: Final = 2500
"""Taken out of the inbox in one transaction: some tenths of a second's work."""
MOST_BYTES: Final = 1 << 20
"""Of them: details are dearer than measures."""
MOST_DUE: Final = 1000
"""Devices of an MSP that are looked at in one transaction because it is time."""

KEPT: Final = timedelta(days=31)
"""How long samples may wait: afterwards what is made of them has no place any more."""

_LEADER_LOCK = int.from_bytes(b"telemetr")
_DIGEST_LOCKS = int.from_bytes(b"smpl")
_logger = logging.getLogger(__name__)


@dataclass
class _Device:
    """A device in the course of a transaction."""

    client_id: UUID
    org_id: UUID
    counted_in: UUID | None
    before: Live
    samples: Mapping[int, Sample]
    fresh: list[Point] = field(default_factory=list)
    gone: list[Point] = field(default_factory=list)
    past: list[Point] = field(default_factory=list)
    """Of hours that were put away before, where fresh points are judged with them."""
    after: Live = field(default_factory=Live)

    @property
    def has_changed(self) -> bool:
        """Whether its row has to be written, for what it holds or for where it is counted."""
        return self.after != self.before or self.counted_in not in {None, self.org_id}

    @property
    def late(self) -> list[Point]:
        """Fresh points that may have been put away before."""
        return [point for point in self.fresh if self.before.is_late(point.at)]

    @property
    def judged_hours(self) -> Sequence[int]:
        """Hours whose points decide on the quality as well."""
        return judged_hours(self.before, self.fresh)


class Digester:
    """Digests over one connection, for as long as nobody else does.

    Several may run; one leads, by a lock that ends with its connection. Two that both believed to
    lead would wait for one another and count each sample once: what one takes is gone.
    """

    def __init__(self, connection: PoolConnectionProxy, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def lead(self) -> bool:
        """Whether this one may digest."""
        leads: bool = await self._connection.fetchval(
            "select pg_try_advisory_lock($1)", _LEADER_LOCK
        )
        return leads

    async def work(self) -> bool:
        """Digest a turn's worth of every MSP's; returns whether there is more to do at once.

        MSPs come in any order, so that one that takes the connection down stands in nobody's way.
        """
        now = to_millis(self._clock.now())
        due: dict[MspId, list[UUID]] = defaultdict(list)
        rows = await self._connection.fetch(
            "select * from due_live($1, $2)", from_millis(now), MOST_DUE
        )
        for msp_id, client_id in rows:
            due[msp_id].append(client_id)
        waiting = await self._connection.fetch("select msp_id from waiting_samples()")
        more = any(len(devices) >= MOST_DUE for devices in due.values())
        msp_ids = list({row["msp_id"] for row in waiting} | set(due))
        random.shuffle(msp_ids)
        for msp_id in msp_ids:
            more |= await self._patiently(msp_id, due.get(msp_id, []), now)
        return more

    async def _patiently(self, msp_id: MspId, due: Sequence[UUID], now: int) -> bool:
        """One turn of an MSP, a small one if a large one takes too long.

        What is refused is found, named and left out. Where something is missing that may come, such
        as a partition, samples stay where they are.
        """
        name = format_msp_id(msp_id)
        for most in (MOST_SAMPLES, MOST_SAMPLES // 10, 1):
            try:
                return await self._digest(msp_id, due[:most], now, most)
            except QueryCanceledError:
                _logger.warning("Digesting %d samples of %s took too long", most, name)
            except asyncpg.CheckViolationError as error:
                _logger.error("Samples of %s have to wait: %s", name, error)  # noqa: TRY400
                return False
            except DATABASE_AWAY:
                raise
            except Exception:
                _logger.exception("Samples of %s are refused together", name)
                return await self._digest_apart(msp_id, due, now)
        return False

    async def _digest(self, msp_id: MspId, due: Sequence[UUID], now: int, most: int) -> bool:
        async with self._connection.transaction():
            samples = await self._take(msp_id, most)
            turn = _Turn(self._connection, msp_id, now)
            await turn.take(samples, {*samples, *due})
        return bool(samples)

    async def _digest_apart(self, msp_id: MspId, due: Sequence[UUID], now: int) -> bool:
        """The oldest of an MSP's samples device by device, so that one spoils no other."""
        async with self._connection.transaction():
            samples = await self._take(msp_id, 1)
            for client_id in sorted({*samples, *due}):
                turn = _Turn(self._connection, msp_id, now)
                try:
                    async with self._connection.transaction():
                        await turn.take(samples, [client_id])
                except (*DATABASE_AWAY, asyncpg.CheckViolationError):
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, it is this device's
                    name = format_client_id(ClientId(client_id))
                    _logger.error("Samples of %s are lost: %s", name, error)  # noqa: TRY400
        return bool(samples)

    async def _take(self, msp_id: MspId, most: int) -> Mapping[UUID, Mapping[int, Sample]]:
        # A row that is not there yet keeps nobody else from making it.
        await self._connection.execute("select pg_advisory_xact_lock($1, $2)", *_lock_of(msp_id))
        rows = await self._connection.fetch(
            "select * from take_samples($1, $2, $3)", msp_id, most, MOST_BYTES
        )
        return _by_device(rows)


class _Turn:
    """One MSP's devices in one transaction."""

    def __init__(self, connection: PoolConnectionProxy, msp_id: MspId, now: int) -> None:
        self._connection = connection
        self._msp_id = msp_id
        self._now = now
        self._oldest = to_millis(from_millis(now) - KEPT)
        self._closing = Closing(connection, msp_id)

    async def take(
        self, samples: Mapping[UUID, Mapping[int, Sample]], client_ids: Iterable[UUID]
    ) -> None:
        """Add samples to their devices, and look at devices for which it is time."""
        rows = await self._connection.fetch(
            "select * from lock_live($1, $2)", self._msp_id, sorted(client_ids)
        )
        devices = [_device(row, samples.get(row["client_id"], {}), self._now) for row in rows]
        await self._put_away(devices)
        limits = await self._limits()
        for device in devices:
            device.after = folded(
                device.before, device.fresh, device.gone, device.past, self._now, limits
            )
        reports = [report for device in devices if (report := _report(device))]
        await self._write_live([each for each in devices if each.has_changed])
        await self._count(devices)
        points = [(each.org_id, point) for each in devices for point in each.fresh]
        kept = [(org_id, point) for org_id, point in points if point.at >= self._oldest]
        await add_to_stretches(self._connection, self._msp_id, kept)
        await self._write_reports(reports)
        await self._write_details(devices)
        SAMPLES.inc(len(points))

    async def _put_away(self, devices: Sequence[_Device]) -> None:
        """Drop late samples that were there before; put away what is over."""
        slots = set[Slot]()
        for device in devices:
            gone = leaving(device.before, device.fresh, self._now)
            slots |= {_slot(device, point) for point in (*device.late, *gone)}
            slots |= {(device.client_id, hour) for hour in device.judged_hours}
        if not slots:
            return
        hours = await self._closing.hours(slots)
        away: dict[Slot, list[Point]] = defaultdict(list)
        for device in devices:
            again = {p.at for p in device.late if hours[_slot(device, p)].has(p)}
            device.past = [
                p for h in device.judged_hours for p in hours[device.client_id, h].points
            ]
            device.fresh = [point for point in device.fresh if point.at not in again]
            device.gone = leaving(device.before, device.fresh, self._now)
            for point in device.gone:
                away[_slot(device, point)].append(point)
        if away:
            await self._closing.put_away(hours, away, self._now)

    async def _limits(self) -> Limits:
        rows = await self._connection.fetch(
            "select name, value from network_thresholds($1)", self._msp_id
        )
        return limits_of({row["name"]: row["value"] for row in rows})

    async def _write_live(self, devices: Sequence[_Device]) -> None:
        if not devices:
            return
        after = [device.after for device in devices]
        await self._connection.execute(
            "select write_live($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            self._msp_id,
            [device.client_id for device in devices],
            [device.org_id for device in devices],
            [live.level for live in after],
            [live.latency for live in after],
            [live.jitter for live in after],
            [live.loss for live in after],
            [or_none(live.sampled_at) for live in after],
            [or_none(live.expires_at) for live in after],
            [or_none(live.close_at) for live in after],
            [or_none(live.closed_to) for live in after],
            [live.told for live in after],
            [live.points.data for live in after],
        )

    async def _count(self, devices: Sequence[_Device]) -> None:
        """Move the counters of devices whose quality changed, or that changed organizations."""
        moved: dict[UUID, list[int]] = defaultdict(lambda: [0] * len(LEVELS))
        for device in devices:
            if device.before.level is not None and device.counted_in is not None:
                moved[device.counted_in][device.before.level] -= 1
            if device.after.level is not None:
                moved[device.org_id][device.after.level] += 1
        org_ids = sorted(org_id for org_id, counts in moved.items() if any(counts))
        if org_ids:
            columns = zip(*(moved[org_id] for org_id in org_ids), strict=True)
            await self._connection.execute(
                "select count_network($1, $2, $3, $4, $5)",
                self._msp_id,
                org_ids,
                *(list(column) for column in columns),
            )

    async def _write_reports(self, reports: Sequence[tuple[object, ...]]) -> None:
        if reports:
            await self._connection.execute(
                "select write_reports($1, $2, $3, $4, $5, $6, $7)",
                self._msp_id,
                *(list(column) for column in zip(*reports, strict=True)),
            )

    async def _write_details(self, devices: Sequence[_Device]) -> None:
        details = [
            (
                device.client_id,
                from_millis(at),
                json.encode(sample.hops).decode() if sample.hops else None,
                json.encode(sample.metrics).decode() if sample.metrics else None,
            )
            for device in devices
            for at, sample in sorted(device.samples.items())
            if (sample.hops or sample.metrics) and at >= self._oldest
        ]
        if details:
            await self._connection.execute(
                "select write_details($1, $2, $3, $4, $5)",
                self._msp_id,
                *(list(column) for column in zip(*details, strict=True)),
            )


def _lock_of(msp_id: MspId) -> tuple[int, int]:
    """Beside all locks of one number."""
    return _DIGEST_LOCKS, int.from_bytes(msp_id.bytes[-4:], signed=True)


def _by_device(rows: Iterable[Record]) -> Mapping[UUID, Mapping[int, Sample]]:
    """Samples by device and moment; of two of one moment the first."""
    samples: dict[UUID, dict[int, Sample]] = defaultdict(dict)
    for row in rows:
        for client_id, moment, data in zip(*row, strict=True):
            samples[client_id].setdefault(to_millis(moment), decode_sample(data))
    return samples


def _device(row: Record, samples: Mapping[int, Sample], now: int) -> _Device:
    # A device of this id may have been here before: what it said until now may be put away.
    before = Live(closed_to=now - WINDOW)
    if row["counted_in"] is not None:
        before = Live(
            level=row["level"],
            latency=row["latency"],
            jitter=row["jitter"],
            loss=row["loss"],
            sampled_at=millis_or_none(row["sampled_at"]),
            expires_at=millis_or_none(row["expires_at"]),
            closed_to=millis_or_none(row["closed_to"]),
            told=row["told"],
            points=PackedPoints(row["points"]),
        )
    device = _Device(row["client_id"], row["org_id"], row["counted_in"], before, samples)
    points = (point_of(at, sample) for at, sample in samples.items())
    device.fresh = fresh_points(before, (point for point in points if point is not None))
    return device


def _slot(device: _Device, point: Point) -> Slot:
    return device.client_id, floor(point.at, HOUR)


def _report(device: _Device) -> tuple[object, ...] | None:
    """The newest a device says of each, noted in its row; None when nothing of it is news."""
    before = device.before
    known = max(before.sampled_at or 0, before.points.last_at or 0)
    news = [(at, sample) for at, sample in sorted(device.samples.items()) if at >= known]
    network = interfaces = metrics = gateway_mac = None
    for _, sample in news:
        network = sample.network or network
        interfaces = sample.interfaces or interfaces
        metrics = json.encode(sample.metrics).decode() if sample.metrics else metrics
        gateway_mac = gateway_mac if sample.gateway_mac is None else sample.gateway_mac
    told = (network, interfaces, metrics)
    if not any(told):
        return None
    digest = int.from_bytes(blake2b(json.encode(told), digest_size=8).digest(), signed=True)
    if digest == device.before.told:
        return None
    if device.after != device.before:
        device.after = replace(device.after, told=digest)
    moment = from_millis(news[-1][0])
    return device.client_id, moment, network, interfaces, metrics, gateway_mac
