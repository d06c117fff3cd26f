-- Writes the hops and metrics of samples, each once.
create function write_details(
    p_msp_id uuid, p_client_ids uuid[], p_moments timestamptz[], p_hops text[], p_metrics text[]
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    insert into sample_details (msp_id, client_id, at, hops, metrics)
    select p_msp_id, i.client_id, i.at, i.hops::jsonb, i.metrics::jsonb
      from unnest(p_client_ids, p_moments, p_hops, p_metrics) as i (client_id, at, hops, metrics)
     where true
        on conflict (msp_id, client_id, at) do nothing
$$
