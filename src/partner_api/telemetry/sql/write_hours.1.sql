-- Writes closed hours of devices: their minutes, and their samples where these are given.
create function write_hours(
    p_msp_id uuid, p_client_ids uuid[], p_hours timestamptz[], p_points bytea[], p_minutes bytea[]
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    insert into network_chunks (msp_id, client_id, hour, points)
    select p_msp_id, i.client_id, i.hour, i.points
      from unnest(p_client_ids, p_hours, p_points) as i (client_id, hour, points)
     where i.points is not null
        on conflict (msp_id, client_id, hour) do update set points = excluded.points;
    insert into network_minutes (msp_id, client_id, hour, totals)
    select p_msp_id, i.client_id, i.hour, i.totals
      from unnest(p_client_ids, p_hours, p_minutes) as i (client_id, hour, totals)
     where true
        on conflict (msp_id, client_id, hour) do update set totals = excluded.totals
$$
