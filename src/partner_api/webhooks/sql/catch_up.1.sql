-- Queues more of what happened while a webhook was suspended; tells whether there is more to queue
-- at once. Nothing is numbered meanwhile, so that at the end of the log nothing falls between this
-- and what numbering queues.
create function catch_up(p_msp_id uuid, p_webhook_id uuid, p_now timestamptz) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_last bigint;
    v_webhook webhooks;
    v_looked_to bigint;
begin
    select l.last_position into strict v_last from event_logs l
     where l.msp_id = p_msp_id for no key update;
    select w.* into v_webhook from webhooks w
     where w.msp_id = p_msp_id and w.webhook_id = p_webhook_id
       and w.caught_up_to is not null and w.is_enabled and w.suspended_at is null
       for no key update;
    if not found then
        return false;
    end if;
    v_looked_to := queue_stretch(
        v_webhook, v_webhook.caught_up_to, v_last, '-infinity', 'infinity', p_now);
    update webhooks w set caught_up_to = case when v_looked_to < v_last then v_looked_to end
     where w.msp_id = p_msp_id and w.webhook_id = p_webhook_id;
    return v_looked_to < v_last and v_looked_to > v_webhook.caught_up_to;
end
$$
