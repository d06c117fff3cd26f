-- Reads ranges of p_length pages of the devices table, given by their first pages: of each the
-- devices whose next threshold has passed, or that went out, and when the next of the others will.
create or replace function sweep_scan(p_firsts bigint[], p_length bigint, p_now timestamptz)
returns table (first bigint, next_due timestamptz, msp_ids uuid[], client_ids uuid[])
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_from tid;
    v_to tid;
    v_resumed_at timestamptz := resumed_at(p_now);
begin
    foreach first in array p_firsts loop
        v_from := format('(%s,0)', first)::tid;
        v_to := format('(%s,0)', first + p_length)::tid;
        return query
            select first, min(least(d.steps_at, d.out_at)) filter (where not d.is_due),
                   array_agg(d.msp_id) filter (where d.is_due),
                   array_agg(d.client_id) filter (where d.is_due)
              from (select e.msp_id, e.client_id, e.steps_at, e.out_at,
                           -- The first threshold passes at its very moment, the others after it.
                           coalesce(e.steps_at < p_now, false)
                           or coalesce(e.steps_at = p_now and e.stage = 0, false)
                           or coalesce(e.out_at <= p_now, false) as is_due
                      from (select s.msp_id, s.client_id, s.stage,
                                   case when s.stage < 3 then
                                       s.last_seen + interval '1 second' * case s.stage
                                           when 0 then s.streaming_seconds
                                           when 1 then s.online_seconds
                                           else s.critical_seconds end
                                   end as steps_at,
                                   case when not s.is_out then
                                       greatest(s.last_seen, v_resumed_at)
                                       + interval '1 second' * s.offline_event_seconds
                                   end as out_at
                              from devices s
                             where s.ctid >= v_from and s.ctid < v_to and s.last_seen is not null
                               and (s.stage < 3 or not s.is_out)) e) d;
    end loop;
end
$$
