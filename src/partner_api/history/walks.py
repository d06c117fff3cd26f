"""Where devices stand at an instant, step by step, as far as nobody has recorded it yet.

The worker records a threshold a moment after it passes, and a release or a changed setting when it
comes to a device. Until then these parts of statements say what it is going to record: they walk
a device by the same function.
"""


def walked_sql(now: str) -> str:
    """Joins that walk a device `d` of an organization `o`; `walked` is what status_walk answers.

    `released` holds the moment of the first release that outdates the device and is not recorded.
    """
    return f"""
      cross join lateral (
          select min(r.published_at) as published_at from releases r
           where d.is_current and r.applied_at is null and r.channel = d.channel
             and r.os in ('', lower(d.os collate "C")) and r.version_sort > d.version_sort
      ) released
      cross join lateral status_walk(
          d.stage, d.stage_since, d.is_current, d.last_seen, {_FOLLOWED},
          array_remove(array[coalesce(released.published_at, o.settings_changed_at)], null),
          array[d.last_seen], d.is_current and released.published_at is null, {_IN_FORCE},
          case when released.published_at is null then 'settings' else 'release' end, {now}
      ) walked"""


def may_step_sql(now: str) -> str:
    """A condition after these joins that spares devices without a step the walk, which costs."""
    return f"""
           (released.published_at is not null or {_FOLLOWED} <> {_IN_FORCE}
            or d.last_seen + ({_FOLLOWED})[d.stage + 1] * interval '1 second'
               <= greatest({now}, d.stage_since))"""


_FOLLOWED = "array[d.streaming_seconds, d.online_seconds, d.critical_seconds]"
_IN_FORCE = "array[o.streaming_seconds, o.online_seconds, o.critical_seconds]"

STEPS = """
      cross join lateral unnest(
          walked.at, walked.states_before, walked.states_after, walked.causes
      ) as s (at, state_before, state_after, cause)"""
"""A join that gives the steps of `walked` as rows `s`."""
