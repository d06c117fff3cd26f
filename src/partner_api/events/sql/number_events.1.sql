-- Gives the next of a tenant's committed events their places in its log, without a gap, and takes
-- them out of the inbox; tells how many. Whoever wrote about a device held its row until the commit,
-- so of its events none shows before an earlier one, and the inbox's order is theirs. Numberers of
-- one tenant take turns.
create function number_events(p_msp_id uuid, p_limit integer, p_now timestamptz) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_last bigint;
    v_count bigint;
begin
    insert into event_logs (msp_id) values (p_msp_id) on conflict (msp_id) do nothing;
    select l.last_position into strict v_last from event_logs l
     where l.msp_id = p_msp_id for no key update;
    with taken as (
        delete from event_inbox i
         where i.msp_id = p_msp_id
           and i.inbox_id in (
               select n.inbox_id from event_inbox n
                where n.msp_id = p_msp_id order by n.inbox_id limit p_limit)
        returning i.*
    ), numbered as (
        insert into events
               (msp_id, position, type, happened_at, org_id, client_id, data, kept_until)
        select t.msp_id, v_last + row_number() over (order by t.inbox_id),
               t.type, t.happened_at, t.org_id, t.client_id, t.data,
               p_now + case t.type when 'device.checkin' then interval '1 day'
                                   else interval '30 days' end
          from taken t
        returning 1
    )
    select count(*) into v_count from numbered;
    update event_logs l set last_position = v_last + v_count where l.msp_id = p_msp_id;
    return v_count;
end
$$
