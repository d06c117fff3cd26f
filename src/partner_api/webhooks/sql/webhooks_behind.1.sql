-- Webhooks that were suspended and have not been given yet all that happened meanwhile.
create function webhooks_behind() returns table (msp_id uuid, webhook_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select w.msp_id, w.webhook_id from webhooks w
     where w.caught_up_to is not null and w.is_enabled and w.suspended_at is null
     order by w.msp_id, w.webhook_id
$$
