"""What may happen to a fleet, done to the real server and noted down to be recounted."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from partner_api.kernel.timestamps import format_timestamp
from partner_api.status.rules import Stage, State, Thresholds
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.history.reading import later
from tests.history.recount import StepRow, Stretch
from tests.worker import Worker

Value = TypeVar("Value")
Since = list[tuple[datetime, Value]]
"""What holds from which instant on, in order."""

CHOICES = [Thresholds(*ages) for ages in ((300, 3600, 86400), (60, 600, 7200), (900, 900, 9000))]


def at(changes: Since[Value], instant: datetime) -> Value:
    """What holds at an instant."""
    return [value for moment, value in changes if moment <= instant][-1]


@dataclass
class Life:
    """A device from one enrollment to its deletion."""

    agent: Agent
    enrolled_at: datetime
    orgs: Since[str]
    versions: Since[int]
    seen: list[datetime] = field(default_factory=list)
    ended_at: datetime | None = None

    @property
    def path(self) -> str:
        return f"/v1/devices/{self.agent.client_id}"


@dataclass
class Story:
    """A fleet of one MSP in two organizations, on a channel of its own."""

    tenant: Tenant
    owner: AsyncEngine
    clock: StoppedClock
    worker: Worker
    org_ids: Sequence[str]
    thresholds: dict[str, Since[Thresholds]]
    channel: str = field(default_factory=lambda: f"c-{uuid.uuid4()}")
    lives: list[Life] = field(default_factory=list)
    releases: list[tuple[datetime, int]] = field(default_factory=list)

    @property
    def alive(self) -> list[Life]:
        return [life for life in self.lives if life.ended_at is None]

    async def pause(self, seconds: int) -> None:
        # Never at the very moment of a threshold: who comes first then is told elsewhere.
        await later(self.tenant, self.clock, seconds=seconds, microseconds=1009)

    async def do(self, action: str, number: int) -> None:
        """One thing; what needs a device is left out when there is none."""
        if action in {"check_in", "upgrade", "late", "move", "delete"}:
            if not self.alive:
                return
            life = self.alive[number % len(self.alive)]
            await getattr(self, action)(life, number)
        else:
            await getattr(self, action)(number)

    async def enroll(self, number: int) -> None:
        """A new device, or one that was deleted."""
        facts = {"channel": self.channel, "currentVersion": f"1.{self._newest()}"}
        gone = {life.agent.client_id for life in self.lives}
        gone -= {life.agent.client_id for life in self.alive}
        if gone and number % 2:
            facts["clientId"] = sorted(gone)[number % len(gone)]
        org_id = self.org_ids[number % 2]
        agent = await self.tenant.enroll(org_id, **facts)
        now = self.clock.now()
        self.lives.append(Life(agent, now, [(now, org_id)], [(now, self._newest())]))

    async def check_in(self, life: Life, _: int) -> None:
        await life.agent.check_in()
        life.seen.append(self.clock.now())

    async def upgrade(self, life: Life, _: int) -> None:
        await life.agent.check_in(currentVersion=f"1.{self._newest()}")
        life.seen.append(self.clock.now())
        life.versions.append((self.clock.now(), self._newest()))

    async def late(self, life: Life, number: int) -> None:
        """Something seen earlier comes in now; what it changes is not noted down."""
        age = (10, 200, 400, 4000, 90_000)[number % 5]
        observed = self.clock.now() - timedelta(seconds=age)
        await life.agent.check_in(observedAt=format_timestamp(observed))

    async def move(self, life: Life, number: int) -> None:
        org_id = self.org_ids[number % 2]
        answer = await self.tenant.patch(life.path, json={"orgId": org_id})
        assert answer.status_code == 200, answer.text
        life.orgs.append((self.clock.now(), org_id))

    async def delete(self, life: Life, _: int) -> None:
        assert (await self.tenant.delete(life.path)).status_code == 204
        life.ended_at = self.clock.now()

    async def release(self, _: int) -> None:
        version = self._newest() + 1
        async with self.owner.begin() as connection:
            await publish_release(connection, self.channel, f"1.{version}", None, self.clock)
        self.releases.append((self.clock.now(), version))

    async def settings(self, number: int) -> None:
        org_id, chosen = self.org_ids[number % 2], CHOICES[number % len(CHOICES)]
        answer = await self.tenant.patch(
            f"/v1/organizations/{org_id}/settings",
            json={
                "streamingSeconds": chosen.streaming_seconds,
                "onlineSeconds": chosen.online_seconds,
                "criticalSeconds": chosen.critical_seconds,
            },
        )
        assert answer.status_code == 200, answer.text
        self.thresholds[org_id].append((self.clock.now(), chosen))

    async def work(self, _: int) -> None:
        await self.worker.work()

    def stretches(self) -> list[Stretch]:
        """Every device's past by the rules alone, as they held at each instant."""
        return [stretch for life in self.lives for stretch in self._stretches(life)]

    def _stretches(self, life: Life) -> list[Stretch]:
        end = life.ended_at or self.clock.now()
        return [
            Stretch(life.agent.client_id, at(life.orgs, start), start, stop, state)
            for start, stop in pairwise(self._moments(life, end))
            # Within a stretch nothing changes, so that its middle speaks for all of it.
            for state in [self._state(life, start + (stop - start) / 2)]
        ]

    def _moments(self, life: Life, end: datetime) -> list[datetime]:
        changes = [*life.orgs, *life.versions, *self.releases]
        changes += [change for each in self.thresholds.values() for change in each]
        moments = {end, *life.seen, *(moment for moment, _ in changes)}
        for seen in life.seen:
            for chosen in CHOICES:
                moments |= {seen + age for age in map(chosen.ending, Stage) if age is not None}
        inside = {moment for moment in moments if life.enrolled_at < moment <= end}
        return [life.enrolled_at, *sorted(inside)]

    def _state(self, life: Life, instant: datetime) -> State:
        thresholds = at(self.thresholds[at(life.orgs, instant)], instant)
        seen = [moment for moment in life.seen if moment <= instant]
        newest = max((version for moment, version in self.releases if moment <= instant), default=0)
        return State(
            thresholds.stage(max(seen, default=None), instant),
            at(life.versions, instant) >= newest,
        )

    async def recorded(self) -> list[StepRow]:
        """Every step that is stored."""
        async with self.owner.begin() as connection:
            rows = await connection.execute(_ROWS, {"msp_id": self.tenant.msp_id})
        return [
            StepRow(
                str(row.client_id).upper(),
                row.at,
                f"org_{row.org_id}",
                None if row.state_after is None else State.from_number(row.state_after),
            )
            for row in rows
        ]

    def _newest(self) -> int:
        return max((version for _, version in self.releases), default=0)


_ROWS = text("""
    select client_id, at, org_id, state_after from device_transitions
     where msp_id = :msp_id order by client_id, at""")


async def begin(tenant: Tenant, owner: AsyncEngine, clock: StoppedClock, worker: Worker) -> Story:
    """A story in which nothing has happened yet."""
    org_ids = [await tenant.create_organization(name) for name in ("One", "Two")]
    thresholds = {org_id: [(clock.now(), Thresholds())] for org_id in org_ids}
    return Story(tenant, owner, clock, worker, org_ids, thresholds)
