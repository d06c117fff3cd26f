-- Reads ranges of p_length pages of the devices table, given by their first pages: of each the
-- devices whose next threshold has passed, and when the next of the others will.
create function sweep_scan(p_firsts bigint[], p_length bigint, p_now timestamptz)
returns table (first bigint, next_due timestamptz, msp_ids uuid[], client_ids uuid[])
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_from tid;
    v_to tid;
begin
    foreach first in array p_firsts loop
        v_from := format('(%s,0)', first)::tid;
        v_to := format('(%s,0)', first + p_length)::tid;
        return query
            select first, min(d.due_at) filter (where not d.is_due),
                   array_agg(d.msp_id) filter (where d.is_due),
                   array_agg(d.client_id) filter (where d.is_due)
              from (select e.msp_id, e.client_id, e.due_at,
                           -- The first threshold passes at its very moment, the others after it.
                           e.due_at < p_now or (e.due_at = p_now and e.stage = 0) as is_due
                      from (select s.msp_id, s.client_id, s.stage,
                                   s.last_seen + interval '1 second' * case s.stage
                                       when 0 then s.streaming_seconds
                                       when 1 then s.online_seconds
                                       else s.critical_seconds end as due_at
                              from devices s
                             where s.ctid >= v_from and s.ctid < v_to and s.stage < 3) e) d;
    end loop;
end
$$
