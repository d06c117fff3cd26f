-- Writes down what became of devices: history, events, counters, and for the sweep a hint at what
-- falls due before it looks everywhere again. Called by every function that moves a device's state,
-- in its transaction, after the devices' rows are written and while they are locked in key order;
-- counters follow in key order. An event shows the device as it was left, in the state of its step.
create or replace function record_changes(p_changes device_change[], p_now timestamptz) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_row record;
begin
    if p_changes is null then
        return;
    end if;
    insert into device_transitions
           (msp_id, client_id, at, org_id, from_org_id, state_before, state_after, cause)
    select c.msp_id, c.client_id, s.at, coalesce(c.org_id, c.org_id_before),
           case when c.org_id_before <> c.org_id then c.org_id_before end,
           s.state_before, s.state_after, s.cause
      from unnest(p_changes) c,
           unnest((c.walked).at, (c.walked).states_before, (c.walked).states_after,
                  (c.walked).causes) as s (at, state_before, state_after, cause)
     -- Older ones have no partition, and would be dropped at once.
     where s.at > p_now - interval '400 days';
    insert into event_inbox (msp_id, type, happened_at, org_id, client_id, data)
    select c.msp_id,
           case s.cause when 'enrolled' then 'device.enrolled' when 'moved' then 'device.moved'
                        when 'deleted' then 'device.deleted' else 'device.status_changed' end,
           s.at, coalesce(c.org_id, c.org_id_before), c.client_id,
           jsonb_strip_nulls(jsonb_build_object(
               'device', device_facts(d, coalesce(s.state_after, s.state_before)),
               'previous', case s.cause
                   when 'enrolled' then null
                   when 'deleted' then null
                   when 'moved' then jsonb_build_object('orgId', c.org_id_before)
                   else jsonb_build_object('state', s.state_before) end))
      from unnest(p_changes) with ordinality
           as c (msp_id, client_id, org_id_before, org_id, state_before, state_after, walked, n)
      join devices d on d.msp_id = c.msp_id and d.client_id = c.client_id
     cross join unnest((c.walked).at, (c.walked).states_before, (c.walked).states_after,
                       (c.walked).causes) with ordinality
           as s (at, state_before, state_after, cause, step)
     where s.at > p_now - interval '30 days'
     order by c.n, s.step;
    for v_row in
        select d.msp_id, d.org_id,
               sum(d.n) filter (where d.state = 0) as s0, sum(d.n) filter (where d.state = 1) as s1,
               sum(d.n) filter (where d.state = 2) as s2, sum(d.n) filter (where d.state = 3) as s3,
               sum(d.n) filter (where d.state = 4) as s4, sum(d.n) filter (where d.state = 5) as s5,
               sum(d.n) filter (where d.state = 6) as s6, sum(d.n) filter (where d.state = 7) as s7
          from unnest(p_changes) c
         cross join lateral (values (c.msp_id, c.org_id_before, c.state_before, -1),
                                    (c.msp_id, c.org_id, c.state_after, 1))
                    as d (msp_id, org_id, state, n)
         where (c.org_id_before, c.state_before) is distinct from (c.org_id, c.state_after)
           and d.state is not null
         group by d.msp_id, d.org_id order by d.msp_id, d.org_id
    loop
        update organization_counters k
           set streaming_current = k.streaming_current + coalesce(v_row.s0, 0),
               streaming_outdated = k.streaming_outdated + coalesce(v_row.s1, 0),
               idle_current = k.idle_current + coalesce(v_row.s2, 0),
               idle_outdated = k.idle_outdated + coalesce(v_row.s3, 0),
               offline_current = k.offline_current + coalesce(v_row.s4, 0),
               offline_outdated = k.offline_outdated + coalesce(v_row.s5, 0),
               lost_current = k.lost_current + coalesce(v_row.s6, 0),
               lost_outdated = k.lost_outdated + coalesce(v_row.s7, 0)
         where k.msp_id = v_row.msp_id and k.org_id = v_row.org_id;
    end loop;
    insert into status_hints (msp_id, client_id, due_at)
    select c.msp_id, c.client_id, c.due_at
      from (select distinct on (e.msp_id, e.client_id)
                   e.msp_id, e.client_id, e.state_after, (e.walked).due_at as due_at
              from unnest(p_changes) with ordinality
                   as e (msp_id, client_id, org_id_before, org_id, state_before, state_after,
                         walked, n)
             order by e.msp_id, e.client_id, e.n desc) c
     where c.state_after is not null and c.due_at < p_now + interval '65 seconds'
        on conflict (msp_id, client_id) do update set due_at = excluded.due_at;
end
$$
