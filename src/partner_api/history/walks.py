"""Where devices stand at an instant, step by step, as far as nobody has recorded it yet.

The worker records a threshold a moment after it passes, and a release or changed settings when they
reach a device. Until then these parts of statements tell what it is going to record: they walk a
device by the same function, and like the worker over a release before changed settings.
"""


def walked_sql(now: str) -> str:
    """Joins that walk a device `d` of an organization `o`; `walked` says where it stands.

    `released` holds the moment of the first release that outdates the device and is not recorded.
    """
    is_current = "d.is_current and released.published_at is null"
    # Without such a release the first walk ends where it begins.
    outdated_by = f"case when released.published_at is null then d.stage_since else {now} end"
    return f"""
      cross join lateral (
          select min(r.published_at) as published_at from releases r
           where d.is_current and r.applied_at is null and r.channel = d.channel
             and r.os in ('', lower(d.os collate "C")) and r.version_sort > d.version_sort
      ) released
      cross join lateral status_walk(
          d.stage, d.stage_since, d.is_current, d.last_seen, {_FOLLOWED},
          array_remove(array[released.published_at], null), array[d.last_seen],
          {is_current}, {_FOLLOWED}, 'release', {outdated_by}
      ) outdated
      cross join lateral status_walk(
          outdated.stage, outdated.since, {is_current}, d.last_seen, {_FOLLOWED},
          array_remove(array[o.settings_changed_at], null), array[d.last_seen],
          {is_current}, {_IN_FORCE}, 'settings', {now}
      ) walked"""


def may_step_sql(now: str) -> str:
    """A condition after these joins that spares devices without a step the walks, which cost."""
    return f"""
           (released.published_at is not null or {_FOLLOWED} <> {_IN_FORCE}
            or d.last_seen + ({_FOLLOWED})[d.stage + 1] * interval '1 second'
               <= greatest({now}, d.stage_since))"""


_FOLLOWED = "array[d.streaming_seconds, d.online_seconds, d.critical_seconds]"
_IN_FORCE = "array[o.streaming_seconds, o.online_seconds, o.critical_seconds]"

HAS_STEPPED = "(cardinality(outdated.at) > 0 or cardinality(walked.at) > 0)"
"""Whether these joins found a step; the newest is at `walked.since`."""
STEPS = """
      cross join lateral unnest(
          outdated.at || walked.at, outdated.states_before || walked.states_before,
          outdated.states_after || walked.states_after, outdated.causes || walked.causes
      ) as s (at, state_before, state_after, cause)"""
"""A join that gives the steps they found as rows `s`."""
