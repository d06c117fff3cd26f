-- Moves organizations' numbers of devices by network quality, by so many each, for the worker.
create function count_network(
    p_msp_id uuid, p_org_ids uuid[], p_good integer[], p_degraded integer[], p_poor integer[]
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select count_levels(p_msp_id, p_org_ids, p_good, p_degraded, p_poor)
$$
