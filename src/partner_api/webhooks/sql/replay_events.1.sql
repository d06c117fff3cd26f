-- Queues more of what a replay is to repeat; tells whether there is more to queue at once.
create function replay_events(
    p_msp_id uuid, p_webhook_id uuid, p_replay_id uuid, p_now timestamptz
) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_webhook webhooks;
    v_replay webhook_replays;
    v_looked_to bigint;
begin
    -- Nothing is numbered meanwhile that would come before what is queued here.
    perform from event_logs l where l.msp_id = p_msp_id for no key update;
    select w.* into v_webhook from webhooks w
     where w.msp_id = p_msp_id and w.webhook_id = p_webhook_id
       and w.is_enabled and w.suspended_at is null
       for no key update;
    select r.* into v_replay from webhook_replays r
     where r.msp_id = p_msp_id and r.webhook_id = v_webhook.webhook_id
       and r.replay_id = p_replay_id;
    if not found then
        return false;
    end if;
    v_looked_to := queue_stretch(
        v_webhook, v_replay.looked_to, v_replay.last_position,
        v_replay.from_at, v_replay.to_at, p_now);
    update webhook_replays r set looked_to = v_looked_to
     where r.msp_id = p_msp_id and r.webhook_id = p_webhook_id and r.replay_id = p_replay_id
       and v_looked_to > v_replay.looked_to;
    delete from webhook_replays r
     where r.msp_id = p_msp_id and r.webhook_id = p_webhook_id and r.replay_id = p_replay_id
       and v_looked_to >= r.last_position;
    return v_looked_to < v_replay.last_position and v_looked_to > v_replay.looked_to;
end
$$
