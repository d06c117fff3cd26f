-- Has an MSP's check-ins recorded while one of its webhooks hears of them, and else not. To be
-- called after every change to what its webhooks hear.
create function note_interest(p_msp_id uuid) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    -- Written in any case, so that two callers take turns: the second one sees what the first did.
    insert into event_interests as i (msp_id, source, until)
    values (p_msp_id, 'webhooks', 'infinity')
        on conflict (msp_id, source) do update set until = excluded.until;
    delete from event_interests i
     where i.msp_id = p_msp_id and i.source = 'webhooks'
       and not exists (
           select from webhooks w
            where w.msp_id = p_msp_id and w.is_enabled and w.suspended_at is null
              and 'device.checkin' = any (w.events));
$$
