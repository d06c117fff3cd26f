-- Gives the next of a tenant's committed events their places in its log, without a gap, takes them
-- out of the inbox, and queues them for the webhooks that hear of them; tells how many. Whoever
-- wrote about a device held its row until the commit, so of its events none shows before an earlier
-- one, and the inbox's order is theirs. Numberers of one tenant take turns.
create or replace function number_events(p_msp_id uuid, p_limit integer, p_now timestamptz)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_most_queued constant bigint := 10000;
    v_limit bigint;
    v_last bigint;
    v_count bigint;
    v_webhook_ids uuid[];
    v_positions bigint[];
    v_kept_until timestamptz[];
    v_client_ids uuid[];
begin
    insert into event_logs (msp_id) values (p_msp_id) on conflict (msp_id) do nothing;
    select l.last_position into strict v_last from event_logs l
     where l.msp_id = p_msp_id for no key update;
    -- Who has that much to be delivered is given the rest from the log, when it comes to it.
    update webhooks w set caught_up_to = v_last
     where w.msp_id = p_msp_id and w.is_enabled and w.caught_up_to is null
       and (select count(*) = v_most_queued
              from (select from webhook_outbox o
                     where o.msp_id = p_msp_id and o.webhook_id = w.webhook_id
                     limit v_most_queued) q);
    -- However many hear of them, a turn is done in time.
    v_limit := greatest(1, least(p_limit, v_most_queued / (
        select greatest(1, count(*)) from webhooks w
         where w.msp_id = p_msp_id and w.is_enabled and w.caught_up_to is null)));
    with taken as (
        delete from event_inbox i
         where i.msp_id = p_msp_id
           -- A stretch and no list: a plan made while nothing waits would compare each event of a
           -- hundred thousand with each of the list.
           and i.inbox_id <= (
               select max(n.inbox_id)
                 from (select e.inbox_id from event_inbox e
                        where e.msp_id = p_msp_id order by e.inbox_id limit v_limit) n)
        returning i.*
    ), numbered as (
        insert into events
               (msp_id, position, type, happened_at, org_id, client_id, data, kept_until)
        select t.msp_id, v_last + row_number() over (order by t.inbox_id),
               t.type, t.happened_at, t.org_id, t.client_id, t.data,
               p_now + case t.type when 'device.checkin' then interval '1 day'
                                   else interval '30 days' end
          from taken t
        returning position, type, org_id, client_id, kept_until
    ), heard as (
        select w.webhook_id, n.position, n.kept_until, n.client_id
          from numbered n
          join webhooks w
            on w.msp_id = p_msp_id and w.is_enabled and n.type = any (w.events)
           and (w.org_id is null or w.org_id = n.org_id)
           -- One that is suspended, or still behind, is given this from the log when it comes to it.
           and w.caught_up_to is null
         -- Kept, so that nothing is queued for one that is just being deleted.
         order by w.webhook_id for key share of w
    )
    select (select count(*) from numbered), array_agg(h.webhook_id), array_agg(h.position),
           array_agg(h.kept_until), array_agg(h.client_id)
      into v_count, v_webhook_ids, v_positions, v_kept_until, v_client_ids
      from heard h;
    update event_logs l set last_position = v_last + v_count where l.msp_id = p_msp_id;
    if v_webhook_ids is not null then
        perform queue_deliveries(
            p_msp_id, v_webhook_ids, v_positions, v_kept_until, v_client_ids, p_now);
    end if;
    return v_count;
end
$$
