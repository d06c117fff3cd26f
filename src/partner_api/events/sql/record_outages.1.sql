-- Writes down that devices went out and came back: device.offline at the threshold's own moment,
-- device.online at the moment a device was seen again. Rows of the devices are locked.
create function record_outages(
    p_msp_ids uuid[], p_client_ids uuid[], p_offline_at timestamptz[], p_online_at timestamptz[]
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    insert into event_inbox (msp_id, type, happened_at, org_id, client_id, data)
    select d.msp_id, e.type, e.at, d.org_id, d.client_id,
           jsonb_build_object('device', device_facts(d, status_state(d.stage, d.is_current)))
      from unnest(p_msp_ids, p_client_ids, p_offline_at, p_online_at)
           with ordinality as i (msp_id, client_id, offline_at, online_at, ordinal)
      join devices d on d.msp_id = i.msp_id and d.client_id = i.client_id
     cross join lateral (values ('device.offline', i.offline_at, 1),
                                ('device.online', i.online_at, 2)) as e (type, at, rank)
     where e.at is not null
     order by i.ordinal, e.rank
$$
