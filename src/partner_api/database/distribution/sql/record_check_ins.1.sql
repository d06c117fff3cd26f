-- record_check_ins on a distributed database, where all check-ins are of one tenant and each event is
-- written by itself, on the node of its device.
create or replace function record_check_ins(
    p_msp_ids uuid[], p_client_ids uuid[], p_seen timestamptz[]
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    select record_event(
               d.msp_id, 'device.checkin', i.seen, d.org_id, d.client_id,
               jsonb_build_object('device', device_facts(
                   row(d.*)::devices, status_state(d.stage, d.is_current))))
      from unnest(p_client_ids, p_seen) with ordinality as i (client_id, seen, ordinal)
      join devices d on d.msp_id = p_msp_ids[1] and d.client_id = i.client_id
     order by i.ordinal
$$
