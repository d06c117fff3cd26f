-- Moves organizations' numbers of devices by network quality, by so many each, in key order.
create function count_levels(
    p_msp_id uuid, p_org_ids uuid[], p_good integer[], p_degraded integer[], p_poor integer[]
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    insert into network_counters (msp_id, org_id, good, degraded, poor)
    select p_msp_id, i.org_id, i.good, i.degraded, i.poor
      from unnest(p_org_ids, p_good, p_degraded, p_poor) as i (org_id, good, degraded, poor)
     -- None for an organization that is being deleted.
      join organizations o on o.msp_id = p_msp_id and o.org_id = i.org_id
     order by i.org_id
        on conflict (msp_id, org_id) do update
       set good = network_counters.good + excluded.good,
           degraded = network_counters.degraded + excluded.degraded,
           poor = network_counters.poor + excluded.poor
$$
