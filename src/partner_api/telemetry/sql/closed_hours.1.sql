-- What is kept of hours of devices that are closed: of each, its samples, or its minutes, or both.
create function closed_hours(p_msp_id uuid, p_client_ids uuid[], p_hours timestamptz[])
returns table (client_id uuid, hour timestamptz, points bytea, minutes bytea)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select i.client_id, i.hour, c.points, m.totals
      from unnest(p_client_ids, p_hours) as i (client_id, hour)
      left join lateral (
         select e.points from network_chunks e
          where e.msp_id = p_msp_id and e.client_id = i.client_id and e.hour = i.hour
         offset 0) c on true
      left join lateral (
         select e.totals from network_minutes e
          where e.msp_id = p_msp_id and e.client_id = i.client_id and e.hour = i.hour
         offset 0) m on true
$$
