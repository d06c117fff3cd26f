"""The status rules as SQL, over devices aliased `d`.

Every statement takes the instant as a parameter; none reads the database's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from partner_api.status.rules import L, Rule, connection_rules, health_rules


@dataclass(frozen=True)
class Sql:
    """A condition as SQL text."""

    text: str

    def __and__(self, other: Self) -> "Sql":
        return Sql(f"({self.text} and {other.text})")


@dataclass(frozen=True)
class DeviceColumns:
    """The rules' vocabulary answered by columns; `now` is a parameter such as `$2`."""

    now: str

    def seen_less_than(self, age: timedelta) -> Sql:
        """The newest check-in is younger than `age`."""
        return Sql(f"d.last_seen > {self.now}::timestamptz - {_interval(age)}")

    def seen_within(self, age: timedelta) -> Sql:
        """The newest check-in is at most `age` old."""
        return Sql(f"d.last_seen >= {self.now}::timestamptz - {_interval(age)}")

    @property
    def current(self) -> Sql:
        """The device runs the newest release that applies to it."""
        return Sql(IS_CURRENT)


NEWEST_RELEASES = """
    left join (
        select r.channel, max(r.version_sort) as newest from releases r
         where r.os = '' group by r.channel
    ) every_os on every_os.channel = d.channel
    left join (
        select r.channel, r.os, max(r.version_sort) as newest from releases r
         where r.os <> '' group by r.channel, r.os
    ) own_os on own_os.channel = d.channel and own_os.os = lower(d.os collate "C")
"""
"""What IS_CURRENT needs joined: the newest release for the device's channel and system."""

IS_CURRENT = "((d.version_sort >= greatest(every_os.newest, own_os.newest)) is not false)"
"""True unless a newer release is published; also when none is."""


def health_sql(now: str) -> str:
    """The device's health as text: healthy, warning or critical."""
    return _case(health_rules(), DeviceColumns(now))


def connection_sql(now: str) -> str:
    """The device's connection state as text: streaming, idle or offline."""
    return _case(connection_rules(), DeviceColumns(now))


def _case(rules: Sequence[Rule[L, Sql]], columns: DeviceColumns) -> str:
    branches = [
        f"when {rule.applies(columns).text} then '{rule.label}'" for rule in rules if rule.applies
    ]
    return f"case {' '.join(branches)} else '{rules[-1].label}' end"


def _interval(age: timedelta) -> str:
    return f"interval '{int(age.total_seconds())} seconds'"
