-- waiting_webhooks on a distributed database, where nobody can go from webhook to webhook over shards:
-- every shard looks through what is due there.
create or replace function waiting_webhooks(p_now timestamptz)
returns table (msp_id uuid, webhook_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select o.msp_id, o.webhook_id
      from webhook_outbox o
      join webhooks w on w.msp_id = o.msp_id and w.webhook_id = o.webhook_id
     where o.due_at <= p_now and w.is_enabled and w.suspended_at is null
     group by o.msp_id, o.webhook_id
$$
