"""Whatever may happen to a fleet, done to the real server and told to the oracle."""

import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.devices.releases import publish_release
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.kernel.errors import Unavailable
from partner_api.kernel.timestamps import format_timestamp
from partner_api.status.rules import Thresholds
from partner_api.surfaces.partner.services import Services
from partner_api.sweep.followers import Followers
from partner_api.sweep.sweeper import Sweeper
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant, create_tenant, post_enrollment
from tests.machine.crashes import CrashError, Fuse, dying_engine, dying_pool
from tests.machine.oracle import Known, Observed, Oracle
from tests.machine.support import change_thresholds
from tests.worker import Worker

SETTINGS = [Thresholds(*ages) for ages in ((300, 3600, 86400), (60, 600, 7200), (900, 900, 9000))]


@dataclass(frozen=True)
class Act:
    """One thing that happens: `number` chooses whom and what, after a pause."""

    name: str
    number: int
    pause: float
    ages: tuple[float, ...] = (0,)
    """How long ago what comes in was observed."""
    fuse: tuple[int, bool] | None = None
    """Who does it dies at that statement; before it, or after."""
    client_id: str | None = None
    """Whom, where that is not left to the number."""


@dataclass(repr=False)
class Parts:
    """What a drama is played on; it holds passwords, so a failure does not print it."""

    http: httpx.AsyncClient
    owner: AsyncEngine
    services: Services
    databases: Databases
    worker: Worker
    clock: StoppedClock


@dataclass
class Drama:
    """A fleet of one MSP in two organizations, on a channel of its own."""

    parts: Parts
    tenant: Tenant
    org_ids: Sequence[str]
    oracle: Oracle
    channel: str = field(default_factory=lambda: f"c-{uuid.uuid4()}")
    agents: dict[str, Agent] = field(default_factory=dict)
    """Of every device there ever was."""
    sequence: int = 0

    @property
    def now(self) -> datetime:
        return self.parts.clock.now()

    async def play(self, act: Act) -> None:
        """Do it; the oracle hears of what the server took, and of nothing else."""
        self.parts.clock.advance(seconds=act.pause)
        self.tenant.token = (await self.tenant.request_token()).json()["access_token"]
        await getattr(self, f"_{act.name}")(act)

    async def _enroll(self, act: Act) -> None:
        org_id = self.org_ids[act.number % 2]
        known = sorted(self.agents)
        # The same in every drama of the same acts.
        client_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(len(known)))).upper()
        if known and act.number % 3 == 0:
            client_id = known[act.number % len(known)]
        version = self._version(act.number)
        token = await self.tenant.create_enrollment_token(org_id)
        with self._mortal(act):
            answer = await post_enrollment(
                self.parts.http,
                token,
                clientId=client_id,
                channel=self.channel,
                currentVersion=_text(version),
            )
        if answer.status_code not in (200, 201):
            assert answer.status_code in _refusals(act, 409), answer.text
            return
        data = answer.json()["data"]
        self.agents[client_id] = Agent(self.tenant, client_id, data["orgId"], data["deviceToken"])
        if client_id in self.oracle.devices:
            self.oracle.devices[client_id].enroll_again(version)
        else:
            self.oracle.devices[client_id] = Known(org_id, version)

    async def _check_in(self, act: Act) -> None:
        client_id = self._one(act)
        if client_id is None:
            return
        # One in three states a version.
        version = self._version(act.number) if act.number % 3 == 0 else None
        observed = [Observed(self.now - timedelta(seconds=age), version) for age in act.ages]
        items = [self._item(each) for each in observed]
        body = items[0] if len(items) == 1 else {"checkIns": items}
        await self.agents[client_id].check_in(**body)
        for each in observed:
            self.oracle.devices[client_id].see(each)

    async def _move(self, act: Act) -> None:
        client_id, org_id = self._one(act), self.org_ids[act.number % 2]
        if client_id is not None and await self._patch(act, {"orgId": org_id}):
            self.oracle.devices[client_id].org_id = org_id

    async def _edit(self, act: Act) -> None:
        if self._one(act) is not None:
            await self._patch(act, {"userName": f"Ann {act.number}"})

    async def _delete(self, act: Act) -> None:
        client_id = self._one(act)
        if client_id is None:
            return
        with self._mortal(act):
            answer = await self.tenant.delete(f"/v1/devices/{client_id}")
        if answer.status_code == 204:
            del self.oracle.devices[client_id]
        else:
            assert answer.status_code in _refusals(act), answer.text

    async def _release(self, _: Act) -> None:
        version = self.oracle.newest + 1
        async with self.parts.owner.begin() as connection:
            await publish_release(connection, self.channel, _text(version), None, self.parts.clock)
        self.oracle.releases.append(version)

    async def _settings(self, act: Act) -> None:
        org_id, chosen = self.org_ids[act.number % 2], SETTINGS[act.number % len(SETTINGS)]
        ages = (chosen.streaming_seconds, chosen.online_seconds, chosen.critical_seconds)
        await change_thresholds(self.parts.owner, self.tenant, org_id, self.now, *ages)
        self.oracle.thresholds[org_id] = chosen

    async def _sweep(self, act: Act) -> None:
        await self._as_worker(act, "sweep")

    async def _follow(self, act: Act) -> None:
        await self._as_worker(act, "follow")

    async def _as_worker(self, act: Act, work: str) -> None:
        fuse = Fuse(*act.fuse) if act.fuse else Fuse(1_000_000, after=False)
        url, clock = self.parts.databases.worker, self.parts.clock
        async with dying_pool(url, fuse, PLAN_SETTINGS) as pool:
            # Whoever lives to the end must not fail.
            with suppress(*_DEATHS) if act.fuse else nullcontext():
                if work == "follow":
                    await Followers(pool, clock).work()
                else:
                    await Sweeper(await pool.acquire(), clock).sweep()

    async def _patch(self, act: Act, body: dict[str, Any]) -> bool:
        with self._mortal(act):
            answer = await self.tenant.patch(f"/v1/devices/{self._one(act)}", json=body)
        assert answer.status_code == 200 or answer.status_code in _refusals(act), answer.text
        return answer.status_code == 200

    def _one(self, act: Act) -> str | None:
        if act.client_id is not None:
            return act.client_id
        alive = list(self.oracle.devices)
        return alive[act.number // 2 % len(alive)] if alive else None

    def _version(self, number: int) -> int:
        """The newest release, the one before or the one after."""
        return max(0, self.oracle.newest + number % 5 // 2 - 1)

    def _item(self, observed: Observed) -> dict[str, Any]:
        self.sequence += 1
        item: dict[str, Any] = {"sequence": self.sequence}
        item["observedAt"] = format_timestamp(observed.at)
        if observed.version is not None:
            item["currentVersion"] = _text(observed.version)
        return item

    def _mortal(self, act: Act) -> AbstractContextManager[None]:
        if act.fuse is None:
            return nullcontext()
        return dying_engine(self.parts.services.tenancy._engine, Fuse(*act.fuse))


def _text(version: int) -> str:
    # Of one length, so that the greater text is the greater version.
    return f"1.{version:03}"


def _refusals(act: Act, *expected: int) -> tuple[int, ...]:
    return expected if act.fuse is None else (*expected, 500)


# The driver's own complaint is of a transaction left when its connection is gone.
_DEATHS = (CrashError, Unavailable, OSError, asyncpg.InterfaceError)


async def begin(parts: Parts) -> Drama:
    """A fleet to which nothing has happened yet, and no trace of what other tests' workers did."""
    parts.clock.reset()
    async with parts.owner.begin() as connection:
        await connection.execute(text("update sweep_watermark set swept_at = 'epoch'"))
    tenant = await create_tenant(parts.owner, parts.http, parts.clock, "Drama")
    org_ids = [await tenant.create_organization(name) for name in ("One", "Two")]
    return Drama(parts, tenant, org_ids, Oracle({org_id: Thresholds() for org_id in org_ids}))
