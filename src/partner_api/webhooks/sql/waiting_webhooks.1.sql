-- Webhooks with deliveries that are due.
create function waiting_webhooks(p_now timestamptz) returns table (msp_id uuid, webhook_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    -- From webhook to webhook, however much each has queued; of each what is due first.
    with recursive queued as (
        (select o.msp_id, o.webhook_id, o.due_at from webhook_outbox o
          order by o.msp_id, o.webhook_id, o.due_at limit 1)
        union all
        select n.msp_id, n.webhook_id, n.due_at
          from queued q
         cross join lateral (
               select o.msp_id, o.webhook_id, o.due_at from webhook_outbox o
                where (o.msp_id, o.webhook_id) > (q.msp_id, q.webhook_id)
                order by o.msp_id, o.webhook_id, o.due_at limit 1) n
    )
    select q.msp_id, q.webhook_id
      from queued q join webhooks w on w.msp_id = q.msp_id and w.webhook_id = q.webhook_id
     where q.due_at <= p_now and w.is_enabled and w.suspended_at is null
$$
