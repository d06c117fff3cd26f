-- Webhooks that were deleted and still have deliveries queued.
create function orphaned_webhooks() returns table (msp_id uuid, webhook_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with recursive queued as (
        (select o.msp_id, o.webhook_id from webhook_outbox o
          order by o.msp_id, o.webhook_id limit 1)
        union all
        select n.msp_id, n.webhook_id
          from queued q
         cross join lateral (
               select o.msp_id, o.webhook_id from webhook_outbox o
                where (o.msp_id, o.webhook_id) > (q.msp_id, q.webhook_id)
                order by o.msp_id, o.webhook_id limit 1) n
    )
    select q.msp_id, q.webhook_id from queued q
     where not exists (
           select from webhooks w where w.msp_id = q.msp_id and w.webhook_id = q.webhook_id)
$$
