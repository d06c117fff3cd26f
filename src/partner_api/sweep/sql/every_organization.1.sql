-- The next organizations there are, from a key on.
create function every_organization(p_after_msp_id uuid, p_after_org_id uuid, p_limit integer)
returns table (msp_id uuid, org_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select o.msp_id, o.org_id from organizations o
     where (o.msp_id, o.org_id) > (p_after_msp_id, p_after_org_id)
     order by o.msp_id, o.org_id limit p_limit
$$
