"""Whatever happens to a fleet, its past reads as counting it anew says, recorded or not."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.factories.tenants import create_tenant
from tests.history.conftest import away
from tests.history.reading import (
    Json,
    availability,
    explained,
    instant,
    steps,
    walked,
)
from tests.history.recount import Stretch, recount, replayed
from tests.history.stories import Life, Story, begin
from tests.worker import Worker

CLOSE = timedelta(milliseconds=1)
ON_TIME = ["enroll", "check_in", "upgrade", "move", "delete", "release", "settings", "work"]
PAUSES = [2, 61, 299, 301, 610, 3599, 3601, 7300, 90_000]

Acts = list[tuple[str, int, int]]
Windows = list[tuple[int, int]]


def stories(actions: list[str]) -> st.SearchStrategy[Acts]:
    """Actions, each with a number to choose by and the seconds before it."""
    action = st.sampled_from(actions)
    return st.lists(
        st.tuples(action, st.integers(0, 11), st.sampled_from(PAUSES)), min_size=4, max_size=16
    )


# Hundredths of the time since a little before the story began.
windows = st.lists(
    st.tuples(st.integers(0, 99), st.integers(1, 100)).filter(lambda ends: ends[0] < ends[1]),
    min_size=1,
    max_size=2,
)
told = settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def tell(story: Story, acts: Acts, *, follows: bool) -> None:
    """Let it happen; `follows` has releases and settings reach devices before the next thing."""
    await story.enroll(0)
    for action, number, seconds in acts:
        await story.pause(seconds)
        if follows:
            await story.worker.follow()
        await story.do(action, number)
    await story.pause(acts[0][2])


@told
@given(stories(ON_TIME), windows)
async def test_the_past_is_what_the_rules_said_at_each_instant(
    http: httpx.AsyncClient,
    owner: AsyncEngine,
    clock: StoppedClock,
    worker: Worker,
    acts: Acts,
    asked: Windows,
) -> None:
    clock.reset()
    async with away(worker, owner):
        story = await begin(await create_tenant(owner, http, clock, "Story"), owner, clock, worker)
        await tell(story, acts, follows=True)
        stretches = story.stretches()
        await assert_recounted(story, stretches, asked)
        for life in story.alive:
            await assert_replayed(life, stretches)
            await assert_explained(life, stretches)
        await worker.work()
    await assert_recounted(story, stretches, asked)


@told
@given(stories([*ON_TIME, "late", "late", "late"]), windows)
async def test_the_past_is_the_same_whether_recorded_yet_or_not(
    http: httpx.AsyncClient,
    owner: AsyncEngine,
    clock: StoppedClock,
    worker: Worker,
    acts: Acts,
    asked: Windows,
) -> None:
    """What comes late steps where `status_walk` puts it, so that the rows are the truth."""
    clock.reset()
    async with away(worker, owner):
        story = await begin(await create_tenant(owner, http, clock, "Story"), owner, clock, worker)
        await tell(story, acts, follows=False)
        before = await everything(story, asked)
        await worker.work()
        assert await everything(story, asked) == before
    assert await everything(story, asked) == before
    await assert_recounted(story, replayed(await story.recorded(), clock.now()), asked)


def ends(story: Story, asked: Windows) -> list[tuple[datetime, datetime]]:
    first = story.clock.start - timedelta(minutes=5)
    part = (story.clock.now() - first) / 100
    return [(first + part * start, first + part * end) for start, end in asked]


def paths(story: Story) -> list[str]:
    return [life.path for life in story.alive] + [f"/v1/organizations/{o}" for o in story.org_ids]


async def everything(story: Story, asked: Windows) -> list[Any]:
    """What is told of the past."""
    found: list[Any] = [await steps(life.agent) for life in story.alive]
    found += [await walked(life.agent, 3) for life in story.alive]
    found += [await explained(life.agent) for life in story.alive]
    for since, until in ends(story, asked):
        found += [
            await availability(story.tenant, path, since=since, to=until) for path in paths(story)
        ]
    return found


async def assert_recounted(story: Story, stretches: list[Stretch], asked: Windows) -> None:
    for since, until in ends(story, asked):
        for path in paths(story):
            whose = path.rpartition("/")[2]
            own = [each for each in stretches if whose in (each.client_id, each.org_id)]
            found = await availability(story.tenant, path, since=since, to=until)
            # Steps at one instant are a microsecond apart.
            assert found["seconds"] == pytest.approx(recount(own, since, until), abs=1e-3)


async def assert_replayed(life: Life, stretches: list[Stretch]) -> None:
    """The list tells the state in the middle of each stretch."""
    found: list[tuple[datetime, Json | None]] = [
        (instant(step["at"]), step.get("to")) for step in await steps(life.agent)
    ]
    for stretch in stretches:
        if stretch.client_id != life.agent.client_id or stretch.end - stretch.start < CLOSE:
            continue
        middle = stretch.start + (stretch.end - stretch.start) / 2
        state = next(state for moment, state in found if moment <= middle)
        assert state is not None
        assert (state["connectionState"], state["status"]) == stretch.labels


async def assert_explained(life: Life, stretches: list[Stretch]) -> None:
    """Since the first of the last stretches that read the same."""
    own = [each for each in stretches if each.client_id == life.agent.client_id]
    own = [each for each in own if each.start >= life.enrolled_at]
    since = own[-1].start
    for stretch in reversed(own):
        if stretch.labels != own[-1].labels:
            break
        since = stretch.start
    device = await explained(life.agent)
    assert (device["connectionState"], device["status"]) == own[-1].labels
    assert abs(instant(device["statusSince"]) - since) < CLOSE
