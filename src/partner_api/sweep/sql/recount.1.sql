-- Counts an organization's devices anew and mends its counters; tells whether they were wrong.
-- The counters' row is locked before anything is counted: whoever has changed a device and not yet
-- the counters adds to what we write, whoever has changed both is counted.
create function recount(p_msp_id uuid, p_org_id uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_before organization_counters;
    v_after organization_counters;
begin
    insert into organization_counters (msp_id, org_id)
    select o.msp_id, o.org_id from organizations o
     where o.msp_id = p_msp_id and o.org_id = p_org_id
        on conflict do nothing;
    select * into v_before from organization_counters k
     where k.msp_id = p_msp_id and k.org_id = p_org_id for no key update;
    if not found then
        return false;
    end if;
    update organization_counters k
       set (streaming_current, streaming_outdated, idle_current, idle_outdated,
            offline_current, offline_outdated, lost_current, lost_outdated) = (
           select count(*) filter (where d.state = 0), count(*) filter (where d.state = 1),
                  count(*) filter (where d.state = 2), count(*) filter (where d.state = 3),
                  count(*) filter (where d.state = 4), count(*) filter (where d.state = 5),
                  count(*) filter (where d.state = 6), count(*) filter (where d.state = 7)
             from (select status_state(e.stage, e.is_current) as state from devices e
                    where e.msp_id = p_msp_id and e.org_id = p_org_id) d)
     where k.msp_id = p_msp_id and k.org_id = p_org_id
    returning k.* into v_after;
    return v_before is distinct from v_after;
end
$$
