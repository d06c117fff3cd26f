-- record_outages on a distributed database, where all outages are of one tenant and each event is
-- written by itself, on the node of its device.
create or replace function record_outages(
    p_msp_ids uuid[], p_client_ids uuid[], p_offline_at timestamptz[], p_online_at timestamptz[]
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    select record_event(
               d.msp_id, e.type, e.at, d.org_id, d.client_id,
               jsonb_build_object('device', device_facts(
                   row(d.*)::devices, status_state(d.stage, d.is_current))))
      from unnest(p_client_ids, p_offline_at, p_online_at)
           with ordinality as i (client_id, offline_at, online_at, ordinal)
      join devices d on d.msp_id = p_msp_ids[1] and d.client_id = i.client_id
     cross join lateral (values ('device.offline', i.offline_at, 1),
                                ('device.online', i.online_at, 2)) as e (type, at, rank)
     where e.at is not null
     order by i.ordinal, e.rank
$$
