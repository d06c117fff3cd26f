-- Counts the check-ins of some of a tenant's tallies, by organization and minute, and all of them once
-- more under the organization 0, which stands for the whole MSP; tells how many tallies went. They go
-- in the same transaction, so each is counted once. Several may count for one tenant: all hold
-- tallies by key, then counts by key.
create function count_check_ins(p_msp_id uuid, p_limit integer, p_now timestamptz) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_enrollment_id uuid;
    v_seen_at timestamptz;
    v_taken integer;
    v_org_ids uuid[];
    v_hours timestamptz[];
    v_minutes integer[];
    v_numbers bigint[];
begin
    select c.enrollment_id, c.seen_at into v_enrollment_id, v_seen_at
      from (select n.enrollment_id, n.seen_at from check_in_tallies n
             where n.msp_id = p_msp_id
             order by n.enrollment_id, n.seen_at limit p_limit for update) c
     order by c.enrollment_id desc, c.seen_at desc limit 1;
    -- Up to the last of them, and no list: a plan made while nothing waits would compare each tally
    -- with each of the list.
    with taken as (
        delete from check_in_tallies t
         where t.msp_id = p_msp_id
           and (t.enrollment_id, t.seen_at) <= (v_enrollment_id, v_seen_at)
        returning t.org_ids, t.moments
    ), seen as (
        select s.org_id, date_bin('1 hour', s.moment, 'epoch') as hour,
               date_bin('1 minute', s.moment, 'epoch') as minute, count(*) as number
          from taken k, unnest(k.org_ids, k.moments) as s (org_id, moment)
         -- Others have no partition.
         where s.moment > p_now - interval '400 days' and s.moment < p_now + interval '31 days'
         group by 1, 2, 3
    )
    select (select count(*) from taken), array_agg(s.org_id), array_agg(s.hour),
           array_agg((extract(epoch from s.minute - s.hour) / 60)::integer), array_agg(s.number)
      into v_taken, v_org_ids, v_hours, v_minutes, v_numbers
      from seen s;
    insert into check_in_counts as k (msp_id, org_id, hour, counts)
    select p_msp_id, coalesce(s.org_id, '00000000-0000-0000-0000-000000000000'), s.hour,
           minute_counts(array_agg(s.minute), array_agg(s.number))
      from unnest(v_org_ids, v_hours, v_minutes, v_numbers) as s (org_id, hour, minute, number)
     group by grouping sets ((s.org_id, s.hour), (s.hour))
     order by 2, 3
        on conflict (msp_id, org_id, hour) do update
       set counts = add_counts(k.counts, excluded.counts);
    return v_taken;
end
$$
