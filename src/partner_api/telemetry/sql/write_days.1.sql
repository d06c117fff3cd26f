-- Writes days of devices.
create function write_days(
    p_msp_id uuid, p_client_ids uuid[], p_days timestamptz[], p_hours bytea[], p_latencies bytea[],
    p_jitters bytea[], p_losses bytea[]
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    insert into network_days (msp_id, client_id, day, hours, latency, jitter, loss)
    select p_msp_id, i.* from unnest(
           p_client_ids, p_days, p_hours, p_latencies, p_jitters, p_losses) as i
     where true
        on conflict (msp_id, client_id, day) do update
       set hours = excluded.hours, latency = excluded.latency, jitter = excluded.jitter,
           loss = excluded.loss
$$
