-- Sketches of organizations' stretches of time, for whoever is about to add to them.
create function lock_sketches(
    p_msp_id uuid, p_org_ids uuid[], p_seconds integer[], p_starts timestamptz[]
) returns table (
    org_id uuid, seconds integer, start timestamptz, latency bytea, jitter bytea, loss bytea
)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select s.org_id, s.seconds, s.start, s.latency, s.jitter, s.loss
      from unnest(p_org_ids, p_seconds, p_starts) as i (org_id, seconds, start)
     cross join lateral (
         select e.* from network_sketches e
          where e.msp_id = p_msp_id and e.org_id = i.org_id and e.seconds = i.seconds
            and e.start = i.start
            for no key update) s
$$
