-- Settles devices that were just inserted: the thresholds of their organization, whether they run
-- the newest release, their first step, and the text they are searched in. The caller holds their
-- organizations' rows FOR SHARE, so that thresholds stand still. What depends on other tables is
-- read before the update, not in it: a distributed database refuses an update that calls such a
-- function for each row.
create or replace function record_enrolled(
    p_msp_id uuid, p_client_ids uuid[], p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
-- By key, however few devices the planner believes there are.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
    with judged as (
        select d.msp_id, d.client_id, is_current(d.channel, d.os, d.version_sort) as is_current,
               o.streaming_seconds, o.online_seconds, o.critical_seconds,
               o.check_in_interval_seconds, o.offline_event_seconds,
               -- The same id may have been deleted at this very moment, or by a later clock.
               greatest(p_now, (
                   select max(h.at) + interval '1 microsecond' from device_transitions h
                    where h.msp_id = d.msp_id and h.client_id = d.client_id)) as stage_since
          from devices d
          join organizations o on o.msp_id = d.msp_id and o.org_id = d.org_id
         where d.msp_id = p_msp_id and d.client_id = any(p_client_ids)
    ), settled as (
        update devices d
           set is_current = j.is_current, stage_since = j.stage_since,
               streaming_seconds = j.streaming_seconds, online_seconds = j.online_seconds,
               critical_seconds = j.critical_seconds,
               check_in_interval_seconds = j.check_in_interval_seconds,
               offline_event_seconds = j.offline_event_seconds
          from judged j
         where d.msp_id = p_msp_id and d.client_id = j.client_id
        returning d.msp_id, d.client_id, d.org_id, d.stage, d.is_current, d.stage_since
    )
    select record_changes(array_agg(row(
               s.msp_id, s.client_id, s.org_id, s.org_id,
               null, status_state(s.stage, s.is_current),
               row(s.stage, s.stage_since, null, array[s.stage_since], array[null::smallint],
                   array[status_state(s.stage, s.is_current)], array['enrolled'])::status_walked
           )::device_change), p_now)
      from settled s;
    select keep_texts(p_msp_id, p_client_ids)
$$
