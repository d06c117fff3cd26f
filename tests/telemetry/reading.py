"""Figures as an integrator reads them."""

from datetime import datetime, timedelta
from typing import Any

from partner_api.kernel.timestamps import parse_timestamp
from tests.factories.tenants import Tenant

Json = dict[str, Any]
VERSIONS, SERIES = "/v1/analytics/versions", "/v1/analytics/time-series"


async def figures(tenant: Tenant, path: str, **query: str | None) -> Json:
    params = {name: value for name, value in query.items() if value is not None}
    answer = await tenant.get(path, params=params)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def series(tenant: Tenant, **query: str | None) -> list[Json]:
    """The points of a series."""
    points: list[Json] = (await figures(tenant, SERIES, **query))["data"]
    return points


def bounds(points: list[Json], bucket_seconds: int, now: datetime) -> list[tuple[datetime, Json]]:
    """Each point with the end of its bucket; the running one ends now."""
    ended = []
    for point in points:
        start = parse_timestamp(point["timestamp"])
        assert start is not None
        end = start + timedelta(seconds=bucket_seconds)
        ended.append((now if point.get("partial") else end, point))
    return ended
