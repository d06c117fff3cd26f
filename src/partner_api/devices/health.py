"""The status rules as SQL, made of `status.rules`.

Every statement takes the instant as a parameter; none reads the database's clock.
"""

from collections.abc import Callable, Sequence

from partner_api.status.rules import STATES, Connection, Health, State

IS_CURRENT = """(d.is_current and not (
    exists (select 1 from releases where applied_at is null)
    and exists (
        select 1 from releases r
         where r.applied_at is null and r.channel = d.channel
           and r.os in ('', lower(d.os collate "C")) and r.version_sort > d.version_sort)))"""
"""True unless a newer release is published, over devices aliased `d`.

A row tells this by itself but for releases whose effect is still being recorded. Whether there are
any is asked once, not for each device.
"""


def live_state_sql(now: str) -> str:
    """The number of the state a device `d` of an organization `o` is in at an instant."""
    return f"status_state({_stage_sql(now)}, {IS_CURRENT})"


def _stage_sql(now: str) -> str:
    # As `status_stage` tells it, without an array to be made for each device there is.
    age = f"{now}::timestamptz - d.last_seen"
    return f"""(case
        when {age} < o.streaming_seconds * interval '1 second' then 0
        when {age} <= o.online_seconds * interval '1 second' then 1
        when {age} <= o.critical_seconds * interval '1 second' then 2
        else 3 end)::smallint"""


def states(matches: Callable[[State], bool]) -> Sequence[int]:
    """The numbers of the states that match."""
    return [number for number, state in enumerate(STATES) if matches(state)]


def health_rank_sql(state: str) -> str:
    """The place in Health of a state's health, from 1; equals `devices.health`."""
    return _case(state, lambda each: list(Health).index(each.health) + 1)


def matching_states(health: Health | None, connection: Connection | None) -> Sequence[int]:
    """The numbers of the states two filters let through; None lets all through."""
    return states(
        lambda each: health in (None, each.health) and connection in (None, each.connection)
    )


def _case(state: str, label: Callable[[State], int]) -> str:
    arms = " ".join(f"when {number} then {label(each)}" for number, each in enumerate(STATES))
    return f"case {state} {arms} end"
