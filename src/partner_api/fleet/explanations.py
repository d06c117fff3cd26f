"""Why a device has the status it has, since when, and until when if nothing happens."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.fleet.types import DeviceView, Explanation, Reason, Rule
from partner_api.history.walks import HAS_STEPPED, walked_sql
from partner_api.kernel.ids import MspId
from partner_api.kernel.timestamps import age
from partner_api.status.rules import Stage, Thresholds


async def explained(
    connection: PoolConnectionProxy, msp_id: MspId, views: Sequence[DeviceView], now: datetime
) -> Sequence[DeviceView]:
    """The same devices with their explanations.

    They were read in the same transaction, for the same instant.
    """
    rows = await connection.fetch(_STATEMENT, msp_id, [view.client_id for view in views], now)
    found = {row["client_id"]: row for row in rows}
    return [
        replace(view, explanation=_explanation(view, found[view.client_id], now)) for view in views
    ]


# A device's row knows its newest step, which a move to another organization may be: it says
# nothing of its status when it stayed the same. An older step is no longer kept, or there is none.
_STATEMENT = f"""
    select d.client_id, o.streaming_seconds, o.online_seconds, o.critical_seconds,
           newest.version as latest_version,
           case when {HAS_STEPPED} then walked.since
                else coalesce(changed.at, d.stage_since) end as since
      from devices d
      join organizations o on o.msp_id = $1 and o.org_id = d.org_id
     {walked_sql("$3")}
      left join lateral (
          select h.at from device_transitions h
           where h.msp_id = $1 and h.client_id = d.client_id and h.at <= d.stage_since
             and h.state_before is distinct from h.state_after
           order by h.at desc limit 1
      ) changed on true
      left join lateral (
          select r.version from releases r
           where r.channel = d.channel and r.os in ('', lower(d.os collate "C"))
           order by r.version_sort desc, r.version desc limit 1
      ) newest on true
     where d.msp_id = $1 and d.client_id = any($2::uuid[])"""


def _explanation(view: DeviceView, row: Record, now: datetime) -> Explanation:
    thresholds = Thresholds(
        row["streaming_seconds"], row["online_seconds"], row["critical_seconds"]
    )
    stage = thresholds.stage(view.last_seen, now)
    ending = thresholds.ending(stage)
    latest = row["latest_version"]
    return Explanation(
        since=row["since"],
        reasons=[
            *_ages(view, thresholds, stage, now),
            Reason(
                Rule.CURRENT_VERSION,
                view.is_current_version,
                current_version=view.current_version,
                latest_version=latest,
            ),
        ],
        next_transition_at=view.last_seen + ending if view.last_seen and ending else None,
    )


def _ages(
    view: DeviceView, thresholds: Thresholds, stage: Stage, now: datetime
) -> Iterator[Reason]:
    seconds = None if view.last_seen is None else age(now, view.last_seen).total_seconds()
    for rule, before, threshold in (
        (Rule.STREAMING, Stage.IDLE, thresholds.streaming_seconds),
        (Rule.ONLINE, Stage.OFFLINE, thresholds.online_seconds),
        (Rule.CRITICAL, Stage.LOST, thresholds.critical_seconds),
    ):
        yield Reason(rule, stage < before, age_seconds=seconds, threshold_seconds=threshold)
