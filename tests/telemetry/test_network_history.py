"""A device's network history: how finely it is shown, of what, and how far back."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from partner_api.kernel.timestamps import format_timestamp
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant

NETWORK = {
    "interface": "wifi",
    "latencyMs": 20.5,
    "jitterMs": 2,
    "packetLossPct": 0,
    "gateway": {"ip": "192.0.2.1", "mac": "00:00:5e:00:53:01", "responseMs": 1.25},
    "hops": [{"ttl": 1, "ip": "192.0.2.1", "latencyMs": 1.5}, {"ttl": 2}],
    "wifi": {"rssiDbm": -60},
}
MEASURED = {
    "latencyMs": 20.5,
    "jitterMs": 2,
    "packetLossPct": 0,
    "gatewayResponseMs": 1.25,
    "wifiRssiDbm": -60,
}
HOPS = [{"ttl": 1, "ip": "192.0.2.1", "latencyMs": 1.5}, {"ttl": 2}]


def path(agent: Agent) -> str:
    return f"/v1/devices/{agent.client_id}/network-history"


async def read(agent: Agent, **query: str) -> tuple[str, list[dict[str, Any]]]:
    """How finely, and the points."""
    await renew(agent.tenant)
    answer = await agent.tenant.get(path(agent), params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["meta"]["resolution"], body["data"]


async def refused(agent: Agent, **query: str) -> str:
    answer = await agent.tenant.get(path(agent), params=query)
    assert answer.status_code == 400, answer.text
    message: str = answer.json()["message"]
    return message


async def renew(tenant: Tenant) -> None:
    """Tokens end after an hour, and tests go on for days."""
    tenant.token = (await tenant.request_token()).json()["access_token"]


def stretch(since: datetime, until: datetime) -> dict[str, str]:
    return {"from": format_timestamp(since), "to": format_timestamp(until)}


async def post(agent: Agent, moments: list[datetime], **sample: Any) -> None:
    for start in range(0, len(moments), 500):
        items = [
            {"observedAt": format_timestamp(at), **(sample or {"network": NETWORK})}
            for at in moments[start : start + 500]
        ]
        data = await agent.check_in(checkIns=items)
        assert data["accepted"] == len(items)


async def test_a_device_that_measured_nothing_has_no_points(agent: Agent) -> None:
    assert await read(agent) == ("raw", [])


async def test_by_default_the_last_day_is_shown_as_it_was_measured(
    agent: Agent, clock: StoppedClock
) -> None:
    now = clock.now()
    first, last = now - timedelta(days=1), now
    await post(agent, [first - timedelta(seconds=1), first, last])
    resolution, points = await read(agent)
    assert resolution == "raw"
    assert points == [
        {"timestamp": format_timestamp(at), **MEASURED, "hops": HOPS} for at in (first, last)
    ]


async def test_the_server_picks_the_finest_resolution_of_at_most_a_thousand_points(
    agent: Agent, clock: StoppedClock
) -> None:
    now = clock.now()
    moments = [now - timedelta(seconds=20 * n) for n in range(1, 1002)]
    await post(agent, moments, network={"interface": "wifi", "latencyMs": 7})
    resolution, points = await read(agent, **stretch(moments[-2], now))
    assert (resolution, len(points)) == ("raw", 1000)
    resolution, points = await read(agent, **stretch(moments[-1], now))
    assert (resolution, len(points)) == ("1m", len({at.replace(second=0) for at in moments}))
    picked = [
        (await read(agent, **stretch(now - timedelta(days=days), now)))[0]
        for days in (1, 3, 4, 29, 31, 41, 42, 400)
    ]
    assert picked == ["5m", "5m", "1h", "1h", "1h", "1h", "1d", "1d"]


@pytest.mark.parametrize(
    ("resolution", "length", "coarser"),
    [
        ("1m", timedelta(minutes=1), "5m"),
        ("5m", timedelta(minutes=5), "1h"),
        ("1h", timedelta(hours=1), "1d"),
    ],
)
async def test_more_than_a_thousand_points_are_refused_by_the_name_of_the_next_coarser(
    agent: Agent, clock: StoppedClock, resolution: str, length: timedelta, coarser: str
) -> None:
    epoch = datetime.fromtimestamp(0, clock.now().tzinfo)
    end = epoch + (clock.now() - epoch) // length * length
    asked = stretch(end - 999 * length, end)
    assert (await read(agent, **asked, resolution=resolution))[0] == resolution
    # One more slot is touched.
    asked = stretch(end - 999 * length - timedelta(seconds=1), end)
    message = await refused(agent, **asked, resolution=resolution)
    assert f"ask for {coarser}, or a shorter stretch" in message


async def test_more_than_a_thousand_samples_are_refused_as_well(
    agent: Agent, clock: StoppedClock
) -> None:
    moments = [clock.now() - timedelta(seconds=n) for n in range(1001)]
    await post(agent, moments, network={"interface": "wifi", "latencyMs": 7})
    assert "ask for 1m" in await refused(agent, resolution="raw")


@pytest.mark.parametrize(
    ("sample", "query", "shown"),
    [
        ({"metrics": {"cpu": 0.5}}, {"metrics": "cpu"}, {"metrics": {"cpu": 0.5}}),
        (
            {"network": {"interface": "wifi", "hops": [{"ttl": 1}]}},
            {"metrics": "hops"},
            {"hops": [{"ttl": 1}]},
        ),
    ],
)
async def test_too_many_samples_without_measures_are_shown_more_coarsely_as_well(
    agent: Agent,
    clock: StoppedClock,
    sample: dict[str, Any],
    query: dict[str, str],
    shown: dict[str, Any],
) -> None:
    moments = [clock.now() - timedelta(seconds=n) for n in range(1001)]
    await post(agent, moments, **sample)
    assert "ask for 1m" in await refused(agent, **query, resolution="raw")
    asked = stretch(moments[-1], clock.now())
    resolution, points = await read(agent, **asked, **query)
    assert resolution == "1m"
    assert points == [
        {"timestamp": format_timestamp(minute), **shown}
        for minute in sorted({at.replace(second=0) for at in moments})
    ]
    resolution, points = await read(agent, **stretch(moments[-2], clock.now()), **query)
    assert (resolution, len(points)) == ("raw", 1000)


async def test_samples_that_are_put_away_are_counted_before_they_are_shown(
    agent: Agent, clock: StoppedClock
) -> None:
    hour = clock.now().replace(minute=0, second=0) + timedelta(hours=1)
    clock.advance(seconds=(hour + timedelta(hours=3) - clock.now()).total_seconds())
    moments = [hour + timedelta(seconds=9 * n) for n in range(1001)]
    await post(agent, moments, network={"interface": "wifi", "latencyMs": 7})
    clock.advance(hours=5)
    await agent.check_in()
    for begin, end in ((1, 1000), (0, 999), (400, 400 + 2)):
        asked = stretch(moments[begin], moments[end])
        resolution, points = await read(agent, **asked)
        assert (resolution, len(points)) == ("raw", end + 1 - begin)
    whole = stretch(moments[0], moments[-1])
    assert "more than 1,000 points between from and to" in await refused(
        agent, **whole, resolution="raw"
    )
    assert (await read(agent, **whole))[0] == "1m"


async def test_how_far_back_is_kept_decides_what_is_too_fine(agent: Agent) -> None:
    await agent.check_in(network=NETWORK)
    resolution, points = await read(agent, **{"from": "2020-01-01T00:00:00Z"}, resolution="1d")
    assert (resolution, len(points)) == ("1d", 1)
    assert "ask for 1d, " in await refused(
        agent, **{"from": "2020-01-01T00:00:00Z"}, resolution="1h"
    )


async def test_an_empty_stretch_is_refused(agent: Agent, clock: StoppedClock) -> None:
    now = clock.now()
    for since in (now, now + timedelta(hours=1)):
        message = await refused(agent, **stretch(since, now + timedelta(days=1)))
        assert message == "from must be before to, and before now"


async def test_slots_are_whole_before_and_after_they_are_put_away(
    agent: Agent, clock: StoppedClock
) -> None:
    hour = clock.now().replace(minute=0, second=0) + timedelta(hours=1)
    clock.advance(seconds=(hour + timedelta(minutes=30) - clock.now()).total_seconds())
    for minute, latency in ((5, 10), (25, 40)):
        at = hour + timedelta(minutes=minute)
        await post(agent, [at], network={"interface": "wifi", "latencyMs": latency})
    asked = stretch(hour + timedelta(minutes=10), hour + timedelta(minutes=20))
    expected = [{"timestamp": format_timestamp(hour), "latencyMs": 25.0}]
    assert await read(agent, **asked, resolution="1h") == ("1h", expected)
    clock.advance(hours=2)
    assert await read(agent, **asked, resolution="1h") == ("1h", expected)
    day = {"timestamp": format_timestamp(hour.replace(hour=0)), "latencyMs": 25.0}
    assert await read(agent, **asked, resolution="1d") == ("1d", [day])


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        ("latencyMs", {"latencyMs": 20.5}),
        ("wifiRssiDbm,gatewayResponseMs", {"wifiRssiDbm": -60, "gatewayResponseMs": 1.25}),
        ("hops,jitterMs", {"jitterMs": 2, "hops": HOPS}),
        ("cpu.load", {"metrics": {"cpu.load": 0.5}}),
        ("packetLossPct,fans,cpu.load", {"packetLossPct": 0, "metrics": {"cpu.load": 0.5}}),
    ],
)
async def test_only_what_is_asked_for_is_shown(
    agent: Agent, clock: StoppedClock, metrics: str, shown: dict[str, Any]
) -> None:
    await agent.check_in(network=NETWORK, metrics={"cpu.load": 0.5, "other": 1})
    (point,) = (await read(agent, metrics=metrics))[1]
    assert point == {"timestamp": format_timestamp(clock.now()), **shown}


async def test_hops_and_metrics_have_means_too(agent: Agent, clock: StoppedClock) -> None:
    start = clock.now().replace(minute=0, second=0) - timedelta(hours=2)
    for minute, latency in ((1, 1.5), (2, 4.5)):
        hops = [{"ttl": 1, "ip": "192.0.2.1", "latencyMs": latency, "lossPct": 50 * minute}]
        await post(
            agent,
            [start + timedelta(minutes=minute)],
            network={"interface": "wifi", "hops": hops},
            metrics={"load": latency * 1e300},
        )
    asked = stretch(start, start + timedelta(minutes=59))
    resolution, points = await read(agent, **asked, resolution="1h", metrics="hops,load")
    mean = {"ttl": 1, "ip": "192.0.2.1", "latencyMs": 3, "lossPct": 75}
    point = {"timestamp": format_timestamp(start), "hops": [mean], "metrics": {"load": 3e300}}
    assert (resolution, points) == ("1h", [point])


@pytest.mark.parametrize("metrics", ["", "latencyMs,", "1st", "a b", ",".join(["m"] * 65)])
async def test_names_that_no_metric_has_are_refused(agent: Agent, metrics: str) -> None:
    assert "metrics" in await refused(agent, metrics=metrics)


async def test_what_the_msp_no_longer_keeps_is_not_shown(agent: Agent, clock: StoppedClock) -> None:
    now = clock.now()
    days = (0.5, 1.5, 2.5, 3.5)
    await post(agent, [now - timedelta(days=each) for each in days])
    chosen = {"retentionDays": {"samples": 1, "minutes": 2, "hours": 3}}
    answer = await agent.tenant.patch("/v1/msp/settings", json=chosen)
    assert answer.status_code == 200, answer.text
    for resolution, number in (("raw", 1), ("5m", 2), ("1h", 3)):
        asked = stretch(now - timedelta(days=3.4), now)
        _, points = await read(agent, **asked, resolution=resolution)
        assert len(points) == number, resolution
    # Whatever is asked of it.
    for resolution, number in (("raw", 1), ("5m", 2), ("1h", 2)):
        _, points = await read(
            agent, **stretch(now - timedelta(days=3.4), now), resolution=resolution, metrics="hops"
        )
        assert sum("hops" in point for point in points) == number, resolution


async def test_another_msps_device_is_not_found(other_tenant: Tenant, agent: Agent) -> None:
    answer = await other_tenant.get(path(agent))
    assert answer.status_code == 404
