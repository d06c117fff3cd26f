-- adjust_devices for the worker, which sees every MSP and no table.
create function follow(
    p_msp_id uuid, p_client_ids uuid[], p_moment timestamptz, p_cause text, p_now timestamptz
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select adjust_devices(p_msp_id, p_client_ids, p_moment, p_cause, p_now)
$$
