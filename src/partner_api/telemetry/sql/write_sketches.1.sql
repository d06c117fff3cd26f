-- Writes sketches of organizations' stretches of time.
create function write_sketches(
    p_msp_id uuid, p_org_ids uuid[], p_seconds integer[], p_starts timestamptz[],
    p_latencies bytea[], p_jitters bytea[], p_losses bytea[]
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    insert into network_sketches (msp_id, org_id, seconds, start, latency, jitter, loss)
    select p_msp_id, i.* from unnest(
           p_org_ids, p_seconds, p_starts, p_latencies, p_jitters, p_losses) as i
     where true
        on conflict (msp_id, org_id, seconds, start) do update
       set latency = excluded.latency, jitter = excluded.jitter, loss = excluded.loss
$$
