-- Writes down what became of claimed deliveries of one tenant. A verdict is `delivered`, `failed` or
-- `gone`, or null where no attempt could be made; without a next attempt the delivery has ended, and
-- the next of its device goes. Who holds an older claim is not heard. Returns webhooks that failed
-- now and have since p_failing_before.
create function settle_deliveries(
    p_msp_id uuid, p_webhook_ids uuid[], p_positions bigint[], p_claims integer[],
    p_verdicts text[], p_attempts jsonb[], p_next_at timestamptz[],
    p_failing_before timestamptz, p_now timestamptz
) returns setof uuid
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_of_ended uuid[];
    v_ended uuid[];
    v_delivered uuid[];
    v_failed uuid[];
    v_gone uuid[];
begin
    -- One at a time: two that each ended one delivery of a device would both leave the next to the
    -- other.
    perform from webhooks w
      where w.msp_id = p_msp_id and w.webhook_id = any (p_webhook_ids)
      order by w.webhook_id for no key update;
    with told as (
        select o.webhook_id, o.position, o.kept_until, o.client_id, i.verdict,
               -- Whoever is suspended for it loses nothing: this too goes on when it is resumed.
               coalesce(i.next_at, case
                   when i.verdict = 'failed' and w.failing_since <= p_failing_before
                   then p_now end) as next_at,
               case when i.verdict in ('failed', 'gone') then o.failures + 1
                    else o.failures end as failures,
               case when i.attempt is null then o.attempts
                    when jsonb_array_length(o.attempts) < 30 then o.attempts || i.attempt
                    else (o.attempts - 0) || i.attempt end as attempts
          from unnest(p_webhook_ids, p_positions, p_claims, p_verdicts, p_attempts, p_next_at)
               as i (webhook_id, position, claims, verdict, attempt, next_at)
          join webhook_outbox o
            on o.msp_id = p_msp_id and o.webhook_id = i.webhook_id and o.position = i.position
           and o.claims = i.claims and o.is_claimed
          join webhooks w on w.msp_id = p_msp_id and w.webhook_id = o.webhook_id
         order by o.webhook_id, o.position
           for update of o
    ), again as (
        update webhook_outbox o
           set due_at = t.next_at, is_claimed = false, failures = t.failures, attempts = t.attempts
          from told t
         where o.msp_id = p_msp_id and o.webhook_id = t.webhook_id and o.position = t.position
           and t.next_at is not null
    ), ended as (
        delete from webhook_outbox o
         using told t
         where o.msp_id = p_msp_id and o.webhook_id = t.webhook_id and o.position = t.position
           and t.next_at is null
    ), kept as (
        insert into webhook_deliveries
               (msp_id, webhook_id, position, kept_until, is_delivered, attempts)
        select p_msp_id, t.webhook_id, t.position, t.kept_until,
               t.verdict is not distinct from 'delivered', t.attempts
          from told t where t.next_at is null and t.kept_until > p_now
            on conflict (msp_id, webhook_id, position, kept_until) do nothing
    )
    select array_agg(t.webhook_id) filter (where t.next_at is null and t.client_id is not null),
           array_agg(t.client_id) filter (where t.next_at is null and t.client_id is not null),
           array_agg(t.webhook_id) filter (where t.verdict = 'delivered'),
           array_agg(t.webhook_id) filter (where t.verdict in ('failed', 'gone')),
           array_agg(t.webhook_id) filter (where t.verdict = 'gone')
      into v_of_ended, v_ended, v_delivered, v_failed, v_gone
      from told t;
    -- A statement of its own sees what was queued behind them meanwhile, see queue_deliveries.
    update webhook_outbox o set due_at = p_now
      from unnest(v_of_ended, v_ended) as e (webhook_id, client_id)
     cross join lateral (
           select n.position from webhook_outbox n
            where n.msp_id = p_msp_id and n.webhook_id = e.webhook_id
              and n.client_id = e.client_id
            order by n.position limit 1) n
     where o.msp_id = p_msp_id and o.webhook_id = e.webhook_id and o.position = n.position
       and o.due_at = 'infinity';
    update webhooks w set failing_since = null
     where w.msp_id = p_msp_id and w.webhook_id = any (v_delivered)
       and w.failing_since is not null;
    update webhooks w set failing_since = p_now
     where w.msp_id = p_msp_id and w.webhook_id = any (v_failed)
       and w.webhook_id <> all (coalesce(v_delivered, '{}')) and w.failing_since is null;
    if v_gone is not null then
        update webhooks w set is_enabled = false
         where w.msp_id = p_msp_id and w.webhook_id = any (v_gone);
        perform note_interest(p_msp_id);
    end if;
    return query
    select w.webhook_id from webhooks w
     where w.msp_id = p_msp_id and w.webhook_id = any (v_failed)
       and w.failing_since <= p_failing_before and w.is_enabled and w.suspended_at is null;
end
$$
