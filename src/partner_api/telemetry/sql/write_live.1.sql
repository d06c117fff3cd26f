-- Writes what is known of devices' networks, whose rows the caller has locked or first makes.
create function write_live(
    p_msp_id uuid, p_client_ids uuid[], p_org_ids uuid[], p_levels smallint[],
    p_latencies integer[], p_jitters integer[], p_losses integer[], p_sampled timestamptz[],
    p_expires timestamptz[], p_close timestamptz[], p_closed_to timestamptz[],
    p_told bigint[], p_points bytea[]
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    insert into network_live (
           msp_id, client_id, org_id, level, latency, jitter, loss, sampled_at, expires_at,
           close_at, closed_to, told, points)
    select p_msp_id, i.* from unnest(
           p_client_ids, p_org_ids, p_levels, p_latencies, p_jitters, p_losses, p_sampled,
           p_expires, p_close, p_closed_to, p_told, p_points) as i
        on conflict (msp_id, client_id) do update
       set org_id = excluded.org_id, level = excluded.level, latency = excluded.latency,
           jitter = excluded.jitter, loss = excluded.loss, sampled_at = excluded.sampled_at,
           expires_at = excluded.expires_at, close_at = excluded.close_at,
           closed_to = excluded.closed_to, told = excluded.told, points = excluded.points
$$
