-- Organizations whose devices do not all follow their settings yet.
create function changed_organizations(p_limit integer)
returns table (msp_id uuid, org_id uuid, settings_changed_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select o.msp_id, o.org_id, o.settings_changed_at from organizations o
     where o.settings_changed_at is not null
     order by o.msp_id, o.org_id limit p_limit
$$
