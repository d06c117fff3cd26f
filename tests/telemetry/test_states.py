"""Health and connectivity over time are what replaying every device's steps says."""

from collections import Counter
from datetime import datetime
from itertools import product

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.factories.tenants import Tenant, create_tenant
from tests.history.conftest import away
from tests.history.reading import later
from tests.history.recount import StepRow
from tests.history.stories import Story, begin
from tests.telemetry.reading import Json, bounds, series
from tests.worker import Worker

ACTIONS = ["enroll", "check_in", "upgrade", "late", "move", "delete", "release", "settings", "work"]
PAUSES = [2, 61, 299, 301, 610, 3599, 3601, 7300, 90_000]
BUCKETS = {"1h": 300, "24h": 900, "7d": 3600, "30d": 86400}
LABELS = {
    "health": ("healthy", "warning", "critical"),
    "connectivity": ("streaming", "idle", "offline"),
}
acts = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 11), st.sampled_from(PAUSES)),
    min_size=4,
    max_size=16,
)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts, st.sampled_from(list(BUCKETS)))
async def test_a_series_is_a_recount_of_every_step(
    http: httpx.AsyncClient,
    owner: AsyncEngine,
    clock: StoppedClock,
    worker: Worker,
    acts: list[tuple[str, int, int]],
    window: str,
) -> None:
    clock.reset()
    async with away(worker, owner):
        tenant = await create_tenant(owner, http, clock, "Series")
        story = await begin(tenant, owner, clock, worker)
        await story.enroll(0)
        for action, number, seconds in acts:
            await story.pause(seconds)
            await story.do(action, number)
        await story.pause(acts[0][2])
        unrecorded = await everything(story, window)
        await worker.work()
        assert await everything(story, window) == unrecorded
    assert await everything(story, window) == unrecorded
    rows = await story.recorded()
    for (metric, org_id), points in unrecorded.items():
        for end, point in bounds(points, BUCKETS[window], clock.now()):
            shown = {name: point[name] for name in LABELS[metric]}
            assert shown == standing(story, rows, metric, org_id, end), (metric, org_id, end)


async def everything(story: Story, window: str) -> dict[tuple[str, str | None], list[Json]]:
    """Both metrics, of the whole MSP and of each organization."""
    return {
        (metric, org_id): await series(story.tenant, metric=metric, window=window, orgId=org_id)
        for metric, org_id in product(LABELS, (None, *story.org_ids))
    }


def standing(
    story: Story, rows: list[StepRow], metric: str, org_id: str | None, end: datetime
) -> dict[str, int]:
    """Each device by its last step before a bucket's end; now includes this very moment."""
    is_now = end == story.clock.now()
    last = {row.client_id: row for row in rows if row.at < end or (is_now and row.at == end)}
    states = [
        row.state_after
        for row in last.values()
        if row.state_after is not None and org_id in (None, row.org_id)
    ]
    labels = Counter(
        (state.health if metric == "health" else state.connection).value for state in states
    )
    return {name: labels[name] for name in LABELS[metric]}


async def test_a_device_stands_in_every_bucket_that_ends_after_it_came(
    tenant: Tenant, clock: StoppedClock
) -> None:
    agent = await tenant.enroll(await tenant.create_organization())
    came = clock.now()
    for minutes in (3, 44, 5, 5, 4):
        now = await later(tenant, clock, minutes=minutes, microseconds=1009)
        for org_id in (None, agent.org_id):
            for end, point in bounds(await series(tenant, window="1h", orgId=org_id), 300, now):
                assert point["critical"] == (end > came), (now, end)
