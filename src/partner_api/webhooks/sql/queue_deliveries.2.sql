-- Queues deliveries, of each device in the order of the log: one is due now unless an earlier one of
-- its device is queued, and then waits for it. Whoever ends that one lets the next go, so it is kept
-- from ending until this transaction has; rows are locked in the order in which they are settled.
-- What is queued already is left alone. The caller holds the webhooks' rows, so that none goes.
create or replace function queue_deliveries(
    p_msp_id uuid, p_webhook_ids uuid[], p_positions bigint[], p_kept_until timestamptz[],
    p_client_ids uuid[], p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    with added as (
        select i.webhook_id, i.position, i.kept_until, i.client_id
          from unnest(p_webhook_ids, p_positions, p_kept_until, p_client_ids)
               as i (webhook_id, position, kept_until, client_id)
    ), last as materialized (
        select f.webhook_id, l.position, f.client_id
          from (select a.webhook_id, a.client_id, min(a.position) as position
                  from added a where a.client_id is not null
                 group by a.webhook_id, a.client_id) f
         cross join lateral (
               select o.position from webhook_outbox o
                where o.msp_id = p_msp_id and o.webhook_id = f.webhook_id
                  and o.client_id = f.client_id and o.position < f.position
                order by o.position desc limit 1) l
         order by f.webhook_id, l.position
    ), ahead as (
        select l.webhook_id, o.position, l.client_id
          from last l
         -- Each by its key, also by a plan that was made when nothing was queued.
         cross join lateral (
               select k.position from webhook_outbox k
                where k.msp_id = p_msp_id and k.webhook_id = l.webhook_id
                  and k.position = l.position
                  for key share) o
    ), lined_up as (
        select q.*, row_number() over (partition by q.webhook_id, q.client_id
                                           order by q.position) as turn
          from (select a.*, true as is_new from added a
                union all
                select a.webhook_id, a.position, null, a.client_id, false from ahead a) q
    )
    insert into webhook_outbox (msp_id, webhook_id, position, kept_until, client_id, due_at)
    select p_msp_id, l.webhook_id, l.position, l.kept_until, l.client_id,
           case when l.client_id is null or l.turn = 1 then p_now else 'infinity' end
      from lined_up l where l.is_new
     order by l.webhook_id, l.position
        on conflict (msp_id, webhook_id, position) do nothing
$$
