-- Writes down check-ins that somebody wants to hear of.
create function record_check_ins(
    p_msp_ids uuid[], p_client_ids uuid[], p_seen timestamptz[]
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    insert into event_inbox (msp_id, type, happened_at, org_id, client_id, data)
    select d.msp_id, 'device.checkin', i.seen, d.org_id, d.client_id,
           jsonb_build_object('device', device_facts(d, status_state(d.stage, d.is_current)))
      from unnest(p_msp_ids, p_client_ids, p_seen)
           with ordinality as i (msp_id, client_id, seen, ordinal)
      join devices d on d.msp_id = i.msp_id and d.client_id = i.client_id
     order by i.ordinal
$$
