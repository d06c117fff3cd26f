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
