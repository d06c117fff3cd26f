-- number_events on a distributed database: what is taken is chosen first and then named, so that each
-- statement goes to the tenant's shard. Nothing is queued for webhooks.
create or replace function number_events(p_msp_id uuid, p_limit integer, p_now timestamptz)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_last bigint;
    v_taken bigint[];
    v_count bigint;
begin
    insert into event_logs (msp_id) values (p_msp_id) on conflict (msp_id) do nothing;
    select l.last_position into strict v_last from event_logs l
     where l.msp_id = p_msp_id for no key update;
    -- By name: a later statement may see events that this one did not, with lower numbers.
    select array_agg(n.inbox_id) into v_taken
      from (select i.inbox_id from event_inbox i
             where i.msp_id = p_msp_id order by i.inbox_id limit p_limit) n;
    insert into events (msp_id, position, type, happened_at, org_id, client_id, data, kept_until)
    select i.msp_id, v_last + row_number() over (partition by i.msp_id order by i.inbox_id),
           i.type, i.happened_at, i.org_id, i.client_id, i.data,
           p_now + case when i.type = 'device.checkin' then interval '1 day'
                        else interval '30 days' end
      from event_inbox i
     where i.msp_id = p_msp_id and i.inbox_id = any(v_taken);
    get diagnostics v_count = row_count;
    delete from event_inbox i where i.msp_id = p_msp_id and i.inbox_id = any(v_taken);
    update event_logs l set last_position = v_last + v_count where l.msp_id = p_msp_id;
    return v_count;
end
$$
