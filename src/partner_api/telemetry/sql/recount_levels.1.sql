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
    with counted as materialized (
        select l.org_id, count(*) filter (where l.level = 0) as good,
               count(*) filter (where l.level = 1) as degraded,
               count(*) filter (where l.level = 2) as poor
          from network_live l
         where l.msp_id = p_msp_id and l.level is not null
         group by l.org_id
    ), wanted as materialized (
        select n.org_id, coalesce(c.good, 0) as good, coalesce(c.degraded, 0) as degraded,
               coalesce(c.poor, 0) as poor
          from network_counters n
          left join counted c on c.org_id = n.org_id
         where n.msp_id = p_msp_id
    )
    update network_counters k
       set good = w.good, degraded = w.degraded, poor = w.poor
      from wanted w
     where k.msp_id = p_msp_id and k.org_id = w.org_id
       and (k.good, k.degraded, k.poor) <> (w.good, w.degraded, w.poor);
    get diagnostics v_wrong = row_count;
    return v_wrong;
end
$$
