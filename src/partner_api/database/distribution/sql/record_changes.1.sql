-- record_changes on a distributed database, where every statement must name its tenant's shard: all
-- changes are of one tenant, and each row is inserted by itself; events on the node of their device.
-- Says the same as the original in devices/sql; a test runs both beside each other.
create or replace function record_changes(p_changes device_change[], p_now timestamptz) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_msp_id constant uuid := (p_changes[1]).msp_id;
    v_row record;
begin
    for v_row in
        select c.client_id, s.at, coalesce(c.org_id, c.org_id_before) as org_id,
               case when c.org_id_before <> c.org_id then c.org_id_before end as from_org_id,
               s.state_before, s.state_after, s.cause
          from unnest(p_changes) c,
               unnest((c.walked).at, (c.walked).states_before, (c.walked).states_after,
                      (c.walked).causes) as s (at, state_before, state_after, cause)
         -- Older ones have no partition, and would be dropped at once.
         where s.at > p_now - interval '400 days'
    loop
        insert into device_transitions
               (msp_id, client_id, at, org_id, from_org_id, state_before, state_after, cause)
        values (v_msp_id, v_row.client_id, v_row.at, v_row.org_id, v_row.from_org_id,
                v_row.state_before, v_row.state_after, v_row.cause);
    end loop;
    perform record_event(
                v_msp_id,
                case s.cause when 'enrolled' then 'device.enrolled' when 'moved' then 'device.moved'
                             when 'deleted' then 'device.deleted' else 'device.status_changed' end,
                s.at, coalesce(c.org_id, c.org_id_before), c.client_id,
                jsonb_strip_nulls(jsonb_build_object(
                    'device', device_facts(row(d.*)::devices, coalesce(s.state_after, s.state_before)),
                    'previous', case s.cause
                        when 'enrolled' then null
                        when 'deleted' then null
                        when 'moved' then jsonb_build_object('orgId', c.org_id_before)
                        else jsonb_build_object('state', s.state_before) end)))
       from unnest(p_changes) with ordinality
            as c (msp_id, client_id, org_id_before, org_id, state_before, state_after, walked, n)
       join devices d on d.msp_id = v_msp_id and d.client_id = c.client_id
      cross join unnest((c.walked).at, (c.walked).states_before, (c.walked).states_after,
                        (c.walked).causes) with ordinality
            as s (at, state_before, state_after, cause, step)
      where s.at > p_now - interval '30 days'
      order by c.n, s.step;
    for v_row in
        select d.org_id,
               sum(d.n) filter (where d.state = 0) as s0, sum(d.n) filter (where d.state = 1) as s1,
               sum(d.n) filter (where d.state = 2) as s2, sum(d.n) filter (where d.state = 3) as s3,
               sum(d.n) filter (where d.state = 4) as s4, sum(d.n) filter (where d.state = 5) as s5,
               sum(d.n) filter (where d.state = 6) as s6, sum(d.n) filter (where d.state = 7) as s7
          from unnest(p_changes) c
         cross join lateral (values (c.org_id_before, c.state_before, -1),
                                    (c.org_id, c.state_after, 1)) as d (org_id, state, n)
         where (c.org_id_before, c.state_before) is distinct from (c.org_id, c.state_after)
           and d.state is not null
         group by d.org_id order by d.org_id
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
         where k.msp_id = v_msp_id and k.org_id = v_row.org_id;
    end loop;
    for v_row in
        select c.client_id, c.due_at
          from (select distinct on (e.client_id)
                       e.client_id, e.state_after, (e.walked).due_at as due_at
                  from unnest(p_changes) with ordinality
                       as e (msp_id, client_id, org_id_before, org_id, state_before, state_after,
                             walked, n)
                 order by e.client_id, e.n desc) c
         where c.state_after is not null and c.due_at < p_now + interval '65 seconds'
    loop
        insert into status_hints as h (msp_id, client_id, due_at)
        values (v_msp_id, v_row.client_id, v_row.due_at)
            on conflict (msp_id, client_id) do update set due_at = excluded.due_at;
    end loop;
end
$$
