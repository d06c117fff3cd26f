import uuid

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import list_releases, publish_release
from partner_api.kernel.errors import Conflict, Invalid
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant


class Publisher:
    """The operator, publishing to one channel."""

    def __init__(self, owner: AsyncEngine, clock: StoppedClock) -> None:
        self.channel = f"c-{uuid.uuid4()}"
        self._owner = owner
        self._clock = clock

    async def publish(self, version: str, system: str | None = None) -> None:
        async with self._owner.begin() as connection:
            await publish_release(connection, self.channel, version, system, self._clock)

    async def listed(self) -> list[tuple[str, str]]:
        async with self._owner.connect() as connection:
            rows = await list_releases(connection)
        return [(row.os, row.version) for row in rows if row.channel == self.channel]


@pytest.fixture
def publisher(owner: AsyncEngine, clock: StoppedClock) -> Publisher:
    return Publisher(owner, clock)


async def _device(tenant: Tenant, publisher: Publisher, **facts: str) -> Agent:
    org_id = await tenant.create_organization()
    agent = await tenant.enroll(org_id, **{"channel": publisher.channel, **facts})
    await agent.check_in()
    return agent


async def _is_current(agent: Agent) -> bool:
    device = await agent.read()
    assert (device["status"] == "healthy") == device["isCurrentVersion"]
    current: bool = device["isCurrentVersion"]
    return current


async def test_publishing_changes_answers_at_once(tenant: Tenant, publisher: Publisher) -> None:
    agent = await _device(tenant, publisher, currentVersion="1.0.9")
    assert await _is_current(agent)
    await publisher.publish("1.0.9")
    assert await _is_current(agent)
    await publisher.publish("1.0.10")
    assert not await _is_current(agent)
    stats = (await tenant.get(f"/v1/msp/{tenant.msp}/stats")).json()["data"]
    assert (stats["healthy"], stats["warning"]) == (0, 1)


async def test_an_older_release_outdates_nobody(tenant: Tenant, publisher: Publisher) -> None:
    agent = await _device(tenant, publisher, currentVersion="2.0")
    await publisher.publish("1.9")
    await publisher.publish("2.0.0-rc.1")
    assert await _is_current(agent)


async def test_a_release_is_for_its_channel_only(
    tenant: Tenant, publisher: Publisher, owner: AsyncEngine, clock: StoppedClock
) -> None:
    other = Publisher(owner, clock)
    agent = await _device(tenant, other, currentVersion="1.0")
    await publisher.publish("9.0")
    assert await _is_current(agent)
    await agent.check_in(channel=publisher.channel, sequence=1)
    assert not await _is_current(agent)


@pytest.mark.parametrize(
    ("published", "runs", "is_current"),
    [
        ("macOS", "macOS", False),
        ("MACOS", "macos", False),
        ("Windows", "macOS", True),
        ("macOS", "macOS 15", True),
        ("Ünix", "Ünix", False),
    ],
)
async def test_a_release_for_a_system_is_for_that_system_only(
    tenant: Tenant, publisher: Publisher, published: str, runs: str, is_current: bool
) -> None:
    agent = await _device(tenant, publisher, currentVersion="1.0", os=runs)
    await publisher.publish("2.0", published)
    assert await _is_current(agent) == is_current


async def test_the_newest_of_all_that_apply_counts(tenant: Tenant, publisher: Publisher) -> None:
    agent = await _device(tenant, publisher, currentVersion="1.5", os="macOS")
    await publisher.publish("1.0", "macOS")
    assert await _is_current(agent)
    await publisher.publish("2.0")
    assert not await _is_current(agent)


async def test_a_version_is_published_once(publisher: Publisher) -> None:
    await publisher.publish("1.0")
    await publisher.publish("1.0", "macOS")
    for system in (None, "macOS", "MACOS"):
        with pytest.raises(Conflict, match=r"1\.0"):
            await publisher.publish("1.0", system)


@pytest.mark.parametrize("version", ["", "1\0", "1" * 101])
async def test_a_version_nobody_could_run_is_refused(publisher: Publisher, version: str) -> None:
    with pytest.raises(Invalid):
        await publisher.publish(version)


async def test_releases_are_listed_newest_first(publisher: Publisher) -> None:
    for version in ("1.0.9", "1.0.10", "1.0.10-rc.1"):
        await publisher.publish(version)
    await publisher.publish("3", "macOS")
    assert await publisher.listed() == [
        ("", "1.0.10"),
        ("", "1.0.10-rc.1"),
        ("", "1.0.9"),
        ("macos", "3"),
    ]
