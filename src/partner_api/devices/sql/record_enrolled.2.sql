-- Settles devices that were just inserted: the thresholds of their organization, whether they run
-- the newest release, their first step, and the text they are searched in. The caller holds their
-- organizations' rows FOR SHARE, so that thresholds stand still.
create or replace function record_enrolled(
    p_msp_id uuid, p_client_ids uuid[], p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    with settled as (
        update devices d
           set is_current = is_current(d.channel, d.os, d.version_sort),
               streaming_seconds = o.streaming_seconds, online_seconds = o.online_seconds,
               critical_seconds = o.critical_seconds,
               check_in_interval_seconds = o.check_in_interval_seconds,
               -- The same id may have been deleted at this very moment, or by a later clock.
               stage_since = greatest(p_now, (
                   select max(h.at) + interval '1 microsecond' from device_transitions h
                    where h.msp_id = d.msp_id and h.client_id = d.client_id))
          from organizations o
         where d.msp_id = p_msp_id and d.client_id = any(p_client_ids)
           and o.msp_id = d.msp_id and o.org_id = d.org_id
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
