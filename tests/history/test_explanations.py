"""`include=status`: since when a device has its status, why, and until when."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from partner_api.surfaces.partner.reasons import duration
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.history.reading import Json, explained, instant, later, read, steps

EXPLAINED = {"statusSince", "statusReasons", "nextTransitionAt"}
RULES = ["streamingSeconds", "onlineSeconds", "criticalSeconds", "currentVersion"]


def passed(device: Json) -> list[str]:
    """The rules a device passes; all are named, in order."""
    reasons = device["statusReasons"]
    assert [reason["rule"] for reason in reasons] == RULES
    return [reason["rule"] for reason in reasons if reason["passed"]]


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    ("age", "failed", "following", "since"),
    [
        (0, 0, 300, None),
        (299.999999, 0, 300, None),
        (300, 1, 3600, 300),
        (3600, 1, 3600, 300),
        (3600.000001, 2, 86400, 3600),
        (86400, 2, 86400, 3600),
        (86400.000001, 3, None, 86400),
    ],
)
async def test_an_explanation_follows_the_device_past_each_threshold(
    agent: Agent,
    clock: StoppedClock,
    age: float,
    failed: int,
    following: int | None,
    since: int | None,
) -> None:
    clock.advance(minutes=1)
    await agent.check_in()
    seen = clock.now()
    await later(agent.tenant, clock, seconds=age)
    device = await explained(agent)
    assert passed(device) == RULES[failed:]
    assert {reason.get("ageSeconds") for reason in device["statusReasons"][:3]} == {age}
    assert [reason.get("thresholdSeconds") for reason in device["statusReasons"]] == [
        300,
        3600,
        86400,
        None,
    ]
    assert instant(device["statusSince"]) == seen + timedelta(seconds=since or 0)
    if following is None:
        assert "nextTransitionAt" not in device
    else:
        assert instant(device["nextTransitionAt"]) == seen + timedelta(seconds=following)


@pytest.mark.usefixtures("either")
async def test_the_next_transition_comes_when_it_was_announced(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in()
    for _ in range(3):
        announced = instant((await explained(agent))["nextTransitionAt"])
        wait = announced - clock.now() + timedelta(microseconds=1)
        await later(agent.tenant, clock, seconds=wait.total_seconds())
        device = await explained(agent)
        assert instant(device["statusSince"]) == announced
        newest, *_ = await steps(agent)
        assert newest["at"] == device["statusSince"]
        assert newest["to"] == {
            "connectionState": device["connectionState"],
            "status": device["status"],
        }


@pytest.mark.usefixtures("either")
async def test_a_device_never_seen_has_no_age_and_stays_as_it_is(
    agent: Agent, clock: StoppedClock
) -> None:
    enrolled = clock.now()
    clock.advance(minutes=30)
    device = await explained(agent)
    assert instant(device["statusSince"]) == enrolled
    assert "nextTransitionAt" not in device
    assert passed(device) == ["currentVersion"]
    assert device["statusReasons"][0] == {
        "rule": "streamingSeconds",
        "passed": False,
        "thresholdSeconds": 300,
        "text": "Never seen, so not within 5 minutes",
    }


@pytest.mark.usefixtures("either")
async def test_a_release_shows_as_the_reason_from_the_moment_it_is_published(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    channel = f"c-{uuid.uuid4()}"
    facts = {"channel": channel, "currentVersion": "1.0"}
    agent = await tenant.enroll(await tenant.create_organization(), **facts)
    await agent.check_in()
    reason: dict[str, Any] = {"rule": "currentVersion", "currentVersion": "1.0"}
    assert (await explained(agent))["statusReasons"][3] == {
        **reason,
        "passed": True,
        "text": "Runs 1.0; no release is published for it",
    }
    said = []
    for version in ("0.9", "1.0", "1.1", "1.2"):
        clock.advance(seconds=10)
        async with owner.begin() as connection:
            await publish_release(connection, channel, version, None, clock)
        found = (await explained(agent))["statusReasons"][3]
        said.append(found.pop("text"))
        is_newer = version > "1.0"
        assert found == {**reason, "passed": not is_newer, "latestVersion": version}
    assert said == [
        "Runs 1.0, no older than the newest release, 0.9",
        "Runs 1.0, the newest release",
        "Runs 1.0, older than the newest release, 1.1",
        "Runs 1.0, older than the newest release, 1.2",
    ]
    device = await explained(agent)
    assert device["status"] == "warning"
    assert instant(device["statusSince"]) == clock.now() - timedelta(seconds=10)


@pytest.mark.usefixtures("either")
async def test_changed_settings_count_from_the_moment_of_the_change(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in()
    seen = clock.now()
    clock.advance(seconds=120)
    path = f"/v1/organizations/{agent.org_id}/settings"
    changed = {"streamingSeconds": 90, "onlineSeconds": 600}
    assert (await agent.tenant.patch(path, json=changed)).status_code == 200
    clock.advance(seconds=10)
    device = await explained(agent)
    assert passed(device) == RULES[1:]
    assert [r.get("thresholdSeconds") for r in device["statusReasons"]] == [90, 600, 86400, None]
    assert instant(device["statusSince"]) == clock.now() - timedelta(seconds=10)
    assert instant(device["nextTransitionAt"]) == seen + timedelta(seconds=600)


@pytest.mark.usefixtures("either")
async def test_a_move_that_changes_no_status_leaves_its_age(
    agent: Agent, clock: StoppedClock
) -> None:
    targets = [await agent.tenant.create_organization(name) for name in ("One", "Two")]
    clock.advance(minutes=1)
    await agent.check_in()
    seen = clock.now()
    for target in targets:
        clock.advance(minutes=1)
        await agent.tenant.patch(f"/v1/devices/{agent.client_id}", json={"orgId": target})
        assert instant((await explained(agent))["statusSince"]) == seen
    clock.advance(minutes=5)
    assert instant((await explained(agent))["statusSince"]) == seen + timedelta(minutes=5)


@pytest.mark.usefixtures("either")
async def test_a_list_explains_each_device_as_it_explains_itself(
    tenant: Tenant, other_tenant: Tenant, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization()
    agents = [await tenant.enroll(org_id) for _ in range(4)]
    for number, agent in enumerate(agents[1:], start=1):
        await agent.check_in()
        clock.advance(minutes=13 * number)
    tenant.token = (await tenant.request_token()).json()["access_token"]
    alone = {agent.client_id: await explained(agent) for agent in agents}
    listed = (await read(tenant, "/v1/devices", include="status", limit=3))["data"]
    assert {device["clientId"]: device for device in listed} == {
        device["clientId"]: alone[device["clientId"]] for device in listed
    }
    assert len({device["status"] for device in listed}) > 1
    none = await read(tenant, "/v1/devices", include="status", q="nobody")
    assert none == {"data": [], "meta": {"total": 0}}
    assert other_tenant.msp != tenant.msp


async def test_an_explanation_comes_beside_labels_and_only_when_asked_for(agent: Agent) -> None:
    await agent.check_in()
    path = f"/v1/devices/{agent.client_id}"
    plain = await agent.read()
    assert not EXPLAINED & plain.keys()
    for include, names in (
        ("tags", {"tags"}),
        ("status", EXPLAINED),
        ("tags,status", {"tags"} | EXPLAINED),
        ("status,attributes,tags", {"tags", "attributes"} | EXPLAINED),
    ):
        for found in (
            (await read(agent.tenant, path, include=include))["data"],
            (await read(agent.tenant, "/v1/devices", include=include))["data"][0],
            (await agent.tenant.patch(f"{path}?include={include}", json={})).json()["data"],
        ):
            assert found.keys() - plain.keys() == names


@pytest.mark.parametrize("include", ["", "Status", "status,", "status,password", "status%00", "*"])
async def test_an_include_of_something_else_is_refused(agent: Agent, include: str) -> None:
    for path in ("/v1/devices", f"/v1/devices/{agent.client_id}"):
        answer = await agent.tenant.get(f"{path}?include={include}")
        assert answer.status_code == 400
        assert answer.json()["message"].startswith("include")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (300, "5 minutes"),
        (1234, "20 minutes 34 seconds"),
        (3600, "1 hour"),
        (5400, "1 hour 30 minutes"),
        (86400, "1 day"),
        (2 * 86400 + 3600 + 59, "2 days 1 hour"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert duration(seconds) == words
