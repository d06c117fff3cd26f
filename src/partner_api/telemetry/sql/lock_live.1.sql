-- What is known of devices' networks, for whoever is about to change it: a row for each of them
-- that is still there. A device is kept from being deleted, then what is known of it is locked, as
-- whoever moves or deletes a device does; devices come in key order.
create function lock_live(p_msp_id uuid, p_client_ids uuid[]) returns table (
    client_id uuid, org_id uuid, counted_in uuid, level smallint, latency integer, jitter integer,
    loss integer, sampled_at timestamptz, expires_at timestamptz, closed_to timestamptz,
    told bigint, points bytea
)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    -- Each by its key, whatever the statistics say of a table that fills up.
    perform from unnest(p_client_ids) as i (client_id)
      cross join lateral (
          select from devices e
           where e.msp_id = p_msp_id and e.client_id = i.client_id
             for key share) d
       left join lateral (
          select true as is_there from network_live k
           where k.msp_id = p_msp_id and k.client_id = i.client_id
             for no key update) l on true;
    -- Looked at only now: who moved a device meanwhile had its row locked until it was done.
    return query
    select d.client_id, d.org_id, l.org_id, l.level, l.latency, l.jitter, l.loss, l.sampled_at,
           l.expires_at, l.closed_to, l.told, l.points
      from unnest(p_client_ids) as i (client_id)
     cross join lateral (
         select e.client_id, e.org_id from devices e
          where e.msp_id = p_msp_id and e.client_id = i.client_id offset 0) d
      left join lateral (
         select k.* from network_live k
          where k.msp_id = p_msp_id and k.client_id = i.client_id offset 0) l on true;
end
$$
