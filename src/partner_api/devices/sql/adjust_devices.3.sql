-- Lets devices of one tenant follow what changed around them at p_moment: their organization's
-- settings (cause 'settings'), or what decides whether they are current: a release, or facts they
-- stated otherwise than by a check-in. An edit by an integrator ('edited') decides nothing; only
-- their rows may stand elsewhere. Rows are locked in key order, and only then judged, by what has
-- been committed until then.
create or replace function adjust_devices(
    p_msp_id uuid, p_client_ids uuid[], p_moment timestamptz, p_cause text, p_now timestamptz
) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_changes device_change[];
begin
    perform from devices d
      where d.msp_id = p_msp_id and d.client_id = any(p_client_ids)
      order by d.client_id
        for no key update;
    with judged as materialized (
        select d.msp_id, d.client_id, d.stage, d.stage_since, d.is_current, d.last_seen,
               array[d.streaming_seconds, d.online_seconds, d.critical_seconds] as ages,
               case when p_cause in ('settings', 'edited') then d.is_current
                    else is_current(d.channel, d.os, d.version_sort) end as is_current_after,
               s.*
          from devices d
          join organizations o on o.msp_id = d.msp_id and o.org_id = d.org_id
         cross join lateral (
             select o.streaming_seconds, o.online_seconds, o.critical_seconds,
                    o.check_in_interval_seconds, o.offline_event_seconds
              where p_cause = 'settings'
              union all
             select d.streaming_seconds, d.online_seconds, d.critical_seconds,
                    d.check_in_interval_seconds, d.offline_event_seconds
              where p_cause <> 'settings') as s
         where d.msp_id = p_msp_id and d.client_id = any(p_client_ids)
    ), walked as materialized (
        select j.*,
               status_walk(
                   j.stage, j.stage_since, j.is_current, j.last_seen, j.ages,
                   array[p_moment], array[j.last_seen], j.is_current_after,
                   array[j.streaming_seconds, j.online_seconds, j.critical_seconds],
                   p_cause, p_now) as w
          from judged j
    ), written as (
        update devices d
           set stage = (c.w).stage, stage_since = (c.w).since, is_current = c.is_current_after,
               streaming_seconds = c.streaming_seconds, online_seconds = c.online_seconds,
               critical_seconds = c.critical_seconds,
               check_in_interval_seconds = c.check_in_interval_seconds,
               offline_event_seconds = c.offline_event_seconds
          from walked c
         where d.msp_id = c.msp_id and d.client_id = c.client_id
           and (cardinality((c.w).at) > 0
                or (d.stage, d.is_current, d.streaming_seconds, d.online_seconds,
                    d.critical_seconds, d.check_in_interval_seconds,
                    d.offline_event_seconds) is distinct from
                   ((c.w).stage, c.is_current_after, c.streaming_seconds, c.online_seconds,
                    c.critical_seconds, c.check_in_interval_seconds, c.offline_event_seconds))
    )
    select array_agg(row(
               c.msp_id, c.client_id, o.org_id, o.org_id,
               status_state(c.stage, c.is_current),
               status_state((c.w).stage, c.is_current_after), c.w
           )::device_change order by c.client_id)
      into v_changes
      from walked c
      join devices o on o.msp_id = c.msp_id and o.client_id = c.client_id;
    -- Also of those that stay where they are: their rows may have moved to pages that the sweep
    -- does not read in time.
    perform record_changes(v_changes, p_now);
    -- What a check-in states, and nothing else does, is searched as check_in_folded leaves it.
    if p_cause in ('edited', 'enrolled') then
        perform keep_texts(p_msp_id, p_client_ids);
    end if;
end
$$
