-- Replays to webhooks that are delivered to.
create function open_replays() returns table (msp_id uuid, webhook_id uuid, replay_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select r.msp_id, r.webhook_id, r.replay_id
      from webhook_replays r
      join webhooks w on w.msp_id = r.msp_id and w.webhook_id = r.webhook_id
     where w.is_enabled and w.suspended_at is null
     order by r.msp_id, r.webhook_id, r.replay_id
$$
