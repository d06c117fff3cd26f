-- Counts an MSP's devices by network quality anew and mends its counters; tells how many were
-- wrong. The counters are locked before anything is counted: whoever has changed a device and not
-- yet the counters adds to what we write, whoever has changed both is counted.
create function recount_levels(p_msp_id uuid) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_wrong integer;
begin
    perform from network_counters k where k.msp_id = p_msp_id order by k.org_id for no key update;
    with counted as (
        select n.org_id, count(*) filter (where l.level = 0) as good,
               count(*) filter (where l.level = 1) as degraded,
               count(*) filter (where l.level = 2) as poor
          from network_counters n
          left join network_live l on l.msp_id = p_msp_id and l.org_id = n.org_id
         where n.msp_id = p_msp_id
         group by n.org_id
    )
    update network_counters k
       set good = c.good, degraded = c.degraded, poor = c.poor
      from counted c
     where k.msp_id = p_msp_id and k.org_id = c.org_id
       and (k.good, k.degraded, k.poor) <> (c.good, c.degraded, c.poor);
    get diagnostics v_wrong = row_count;
    return v_wrong;
end
$$
