-- Takes devices past the thresholds that have passed, each step at its threshold's own moment, and
-- announces those that went out; tells how many moved. A device that somebody else moved meanwhile
-- is left where it is. Rows are locked in key order.
create or replace function sweep_devices(p_msp_ids uuid[], p_client_ids uuid[], p_now timestamptz)
returns bigint
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with found as materialized (
        select d.msp_id, d.client_id, d.stage, d.stage_since, d.is_current, d.last_seen,
               array[d.streaming_seconds, d.online_seconds, d.critical_seconds] as ages,
               case when not d.is_out then
                   outage(d.last_seen, d.offline_event_seconds,
                          (select resumed_at(p_now)), p_now)
               end as offline_at
          from unnest(p_msp_ids, p_client_ids) as i (msp_id, client_id)
          join devices d on d.msp_id = i.msp_id and d.client_id = i.client_id
         order by d.msp_id, d.client_id
           for no key update of d
    ), walked as materialized (
        select f.msp_id, f.client_id, f.offline_at,
               status_walk(f.stage, f.stage_since, f.is_current, f.last_seen, f.ages,
                           '{}', '{}', f.is_current, f.ages, null, p_now) as w
          from found f
    ), written as (
        update devices d
           set stage = (c.w).stage, stage_since = (c.w).since,
               is_out = d.is_out or c.offline_at is not null
          from walked c
         where d.msp_id = c.msp_id and d.client_id = c.client_id
           and (cardinality((c.w).at) > 0 or c.offline_at is not null)
        returning c.offline_at, row(
            d.msp_id, d.client_id, d.org_id, d.org_id,
            status_state(old.stage, old.is_current), status_state(d.stage, d.is_current), c.w
        )::device_change as change
    ), recorded as materialized (
        select count(*) as moved,
               record_changes(
                   array_agg(w.change order by (w.change).msp_id, (w.change).client_id), p_now)
          from written w
    ), outages as materialized (
        select record_outages(array_agg((w.change).msp_id), array_agg((w.change).client_id),
                              array_agg(w.offline_at), array_agg(null::timestamptz))
          from written w
         where w.offline_at is not null and exists (select from recorded)
        having count(*) > 0
    )
    select r.moved from recorded r left join outages on true
$$
