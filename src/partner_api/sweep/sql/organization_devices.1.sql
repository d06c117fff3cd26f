-- The next of an organization's devices, from a client id on.
create function organization_devices(
    p_msp_id uuid, p_org_id uuid, p_after uuid, p_limit integer
) returns table (client_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select d.client_id from devices d
     where d.msp_id = p_msp_id and d.org_id = p_org_id and d.client_id > p_after
     order by d.client_id limit p_limit
$$
