"""History's partitions: a month each, four hundred days back, two months ahead."""

from datetime import date, datetime, timedelta

import asyncpg
import pytest

from partner_api.database.partitions import maintain_partitions
from tests.clock import StoppedClock

_KEEP = "select keep_partitions($1, $2, $3, $4)"
_MONTHS = """
    select c.relname, pg_get_expr(c.relpartbound, c.oid) as bound
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'device_transitions'::regclass order by c.relname"""


async def months(connection: asyncpg.Connection) -> list[str]:
    return [row["relname"] for row in await connection.fetch(_MONTHS)]


def expected(now: datetime) -> list[str]:
    oldest, newest = now - timedelta(days=401), now + timedelta(days=62)
    numbers = range(oldest.year * 12 + oldest.month - 1, newest.year * 12 + newest.month)
    return [f"device_transitions_{n // 12}{n % 12 + 1:02}" for n in numbers]


async def test_there_are_400_days_back_and_two_months_ahead(
    maintainer: asyncpg.Connection, clock: StoppedClock
) -> None:
    await maintain_partitions(maintainer, clock.now())
    assert await months(maintainer) == expected(clock.now())


async def test_a_month_begins_at_midnight_utc_wherever_the_session_is(
    maintainer: asyncpg.Connection, clock: StoppedClock
) -> None:
    await maintainer.execute("set timezone = 'Asia/Tokyo'")
    # The oldest go, and are made again by this session.
    oldest = await _drop_two(maintainer, clock)
    await maintain_partitions(maintainer, clock.now())
    await maintainer.execute("set timezone = 'UTC'")
    bounds = {row["relname"]: row["bound"] for row in await maintainer.fetch(_MONTHS)}
    for name in oldest:
        first = date.fromisoformat(f"{name[-6:-2]}-{name[-2:]}-01")
        following = (first + timedelta(days=31)).replace(day=1)
        assert (
            bounds[name]
            == f"FOR VALUES FROM ('{first} 00:00:00+00') TO ('{following} 00:00:00+00')"
        )


async def test_months_that_are_too_old_go(
    maintainer: asyncpg.Connection, clock: StoppedClock
) -> None:
    gone = await _drop_two(maintainer, clock)
    assert await months(maintainer) == [n for n in expected(clock.now()) if n not in gone]


@pytest.mark.parametrize(
    ("table", "unit"),
    [
        ("devices", "day"),
        ("nowhere", "month"),
        ("logs", "year"),
        ("logs'; drop table logs; --", "day"),
    ],
)
async def test_nothing_else_is_cut(
    maintainer: asyncpg.Connection, clock: StoppedClock, table: str, unit: str
) -> None:
    today = clock.now().date()
    with pytest.raises(asyncpg.RaiseError, match="are kept"):
        await maintainer.execute(_KEEP, table, unit, today, today)


async def _drop_two(maintainer: asyncpg.Connection, clock: StoppedClock) -> list[str]:
    names = expected(clock.now())
    third = date.fromisoformat(f"{names[2][-6:-2]}-{names[2][-2:]}-15")
    last = (clock.now() + timedelta(days=62)).date()
    await maintainer.execute(_KEEP, "device_transitions", "month", third, last)
    return names[:2]
