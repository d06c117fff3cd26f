-- What is kept of days of devices.
create function closed_days(p_msp_id uuid, p_client_ids uuid[], p_days timestamptz[])
returns table (
    client_id uuid, day timestamptz, hours bytea, latency bytea, jitter bytea, loss bytea
)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select d.client_id, d.day, d.hours, d.latency, d.jitter, d.loss
      from unnest(p_client_ids, p_days) as i (client_id, day)
     cross join lateral (
         select e.* from network_days e
          where e.msp_id = p_msp_id and e.client_id = i.client_id and e.day = i.day
         offset 0) d
$$
