-- Queues deliveries to one webhook that may have ended before: their attempts come along, and they
-- have all their tries again. The caller holds the webhook's row for itself.
create function queue_again(
    p_msp_id uuid, p_webhook_id uuid, p_positions bigint[], p_kept_until timestamptz[],
    p_client_ids uuid[], p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    select queue_deliveries(
        p_msp_id, array_fill(p_webhook_id, array[cardinality(p_positions)]), p_positions,
        p_kept_until, p_client_ids, p_now);
    -- What comes after them waits for them.
    update webhook_outbox o set due_at = 'infinity'
     where o.msp_id = p_msp_id and o.webhook_id = p_webhook_id
       and not o.is_claimed and o.due_at < 'infinity'
       and exists (
           select from unnest(p_positions, p_client_ids) as i (position, client_id)
            where i.client_id = o.client_id and i.position < o.position);
    with taken as (
        delete from webhook_deliveries d
         using unnest(p_positions, p_kept_until) as i (position, kept_until)
         where d.msp_id = p_msp_id and d.webhook_id = p_webhook_id
           and d.position = i.position and d.kept_until = i.kept_until
        returning d.position, d.attempts
    )
    update webhook_outbox o set attempts = t.attempts
      from taken t
     where o.msp_id = p_msp_id and o.webhook_id = p_webhook_id and o.position = t.position;
$$
