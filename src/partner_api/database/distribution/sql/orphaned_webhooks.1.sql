-- orphaned_webhooks on a distributed database, where nobody can go from webhook to webhook over
-- shards: every shard looks through what is queued there.
create or replace function orphaned_webhooks() returns table (msp_id uuid, webhook_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select o.msp_id, o.webhook_id from webhook_outbox o
     where not exists (
           select from webhooks w where w.msp_id = o.msp_id and w.webhook_id = o.webhook_id)
     group by o.msp_id, o.webhook_id
$$
