-- Queues what a webhook hears of behind a place in the log, up to another: as much as one turn may
-- look at and queue, and nothing while a thousand are queued, so that a log of millions does not
-- become a queue of millions. Returns the place up to which it has looked. The caller holds the
-- webhook's row for itself.
create function queue_stretch(
    p_webhook webhooks, p_after bigint, p_last bigint, p_from_at timestamptz, p_to_at timestamptz,
    p_now timestamptz
) returns bigint
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_end constant bigint := least(p_last, p_after + 10000);
    v_positions bigint[];
    v_kept_until timestamptz[];
    v_client_ids uuid[];
begin
    if (select count(*) = 1000
          from (select from webhook_outbox o
                 where o.msp_id = p_webhook.msp_id and o.webhook_id = p_webhook.webhook_id
                 limit 1000) q)
    then
        return p_after;
    end if;
    select array_agg(h.position order by h.position),
           array_agg(h.kept_until order by h.position), array_agg(h.client_id order by h.position)
      into v_positions, v_kept_until, v_client_ids
      from (select e.position, e.kept_until, e.client_id from events e
             where e.msp_id = p_webhook.msp_id and e.position > p_after and e.position <= v_end
               and e.type = any (p_webhook.events)
               and (p_webhook.org_id is null or e.org_id = p_webhook.org_id)
               and e.happened_at >= p_from_at and e.happened_at < p_to_at
             order by e.position limit 1000) h;
    if v_positions is null then
        return v_end;
    end if;
    perform queue_again(
        p_webhook.msp_id, p_webhook.webhook_id, v_positions, v_kept_until, v_client_ids, p_now);
    return case cardinality(v_positions) when 1000 then v_positions[1000] else v_end end;
end
$$
