-- Suspends a webhook that has failed since p_failing_before and still does, and has that told; tells
-- whether it did. What is queued stays so. Nothing is numbered meanwhile, so that where the log ends
-- is where the webhook goes on when it is resumed.
create function suspend_webhook(
    p_msp_id uuid, p_webhook_id uuid, p_failing_before timestamptz, p_now timestamptz
) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_last bigint;
    v_url text;
begin
    select l.last_position into strict v_last from event_logs l
     where l.msp_id = p_msp_id for no key update;
    update webhooks w set suspended_at = p_now, caught_up_to = coalesce(w.caught_up_to, v_last)
     where w.msp_id = p_msp_id and w.webhook_id = p_webhook_id
       and w.is_enabled and w.suspended_at is null and w.failing_since <= p_failing_before
    returning w.url into v_url;
    if not found then
        return false;
    end if;
    insert into event_inbox (msp_id, type, happened_at, data)
    values (p_msp_id, 'webhook.suspended', p_now,
            jsonb_build_object(
                'webhook', jsonb_build_object('id', p_webhook_id, 'url', v_url)));
    perform note_interest(p_msp_id);
    return true;
end
$$
