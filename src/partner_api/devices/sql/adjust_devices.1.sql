-- Lets devices of one tenant follow what changed around them at p_moment: a release, their
-- organization's thresholds, or facts they stated otherwise than by a check-in. Rows are locked in
-- key order.
create function adjust_devices(
    p_msp_id uuid, p_client_ids uuid[], p_moment timestamptz, p_cause text, p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    with found as materialized (
        select d.msp_id, d.client_id, d.org_id, d.stage, d.stage_since, d.is_current, d.last_seen,
               array[d.streaming_seconds, d.online_seconds, d.critical_seconds] as ages,
               is_current(d.channel, d.os, d.version_sort) as is_current_after
          from devices d
         where d.msp_id = p_msp_id and d.client_id = any(p_client_ids)
         order by d.client_id
           for no key update
    ), walked as materialized (
        select f.msp_id, f.client_id, f.is_current_after,
               o.streaming_seconds, o.online_seconds, o.critical_seconds,
               o.check_in_interval_seconds,
               status_walk(
                   f.stage, f.stage_since, f.is_current, f.last_seen, f.ages,
                   array[p_moment], array[f.last_seen], f.is_current_after,
                   array[o.streaming_seconds, o.online_seconds, o.critical_seconds],
                   p_cause, p_now) as w
          from found f
          join organizations o on o.msp_id = f.msp_id and o.org_id = f.org_id
    ), written as (
        update devices d
           set stage = (c.w).stage, stage_since = (c.w).since, is_current = c.is_current_after,
               streaming_seconds = c.streaming_seconds, online_seconds = c.online_seconds,
               critical_seconds = c.critical_seconds,
               check_in_interval_seconds = c.check_in_interval_seconds
          from walked c
         where d.msp_id = c.msp_id and d.client_id = c.client_id
           and (cardinality((c.w).at) > 0
                or (d.stage, d.is_current, d.streaming_seconds, d.online_seconds,
                    d.critical_seconds, d.check_in_interval_seconds) is distinct from
                   ((c.w).stage, c.is_current_after, c.streaming_seconds, c.online_seconds,
                    c.critical_seconds, c.check_in_interval_seconds))
        returning row(
            d.msp_id, d.client_id, d.org_id, d.org_id,
            status_state(old.stage, old.is_current), status_state(d.stage, d.is_current), c.w
        )::device_change as change
    )
    select record_changes(array_agg(w.change order by (w.change).client_id), p_now) from written w
$$
