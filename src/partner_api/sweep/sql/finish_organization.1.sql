-- Says that an organization's devices follow its settings as they were changed at p_changed_at.
create function finish_organization(p_msp_id uuid, p_org_id uuid, p_changed_at timestamptz)
returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    update organizations o set settings_changed_at = null
     where o.msp_id = p_msp_id and o.org_id = p_org_id and o.settings_changed_at = p_changed_at
$$
