-- Takes deliveries of one tenant that are due, for 45 seconds: whoever has not told by then what
-- became of one has died, and it is due again. Eight of a webhook are under way at once, and one
-- while it fails; webhooks take turns, what was due first comes first. Nobody waits here: a webhook
-- whose row another holds is left for the next time, and so is a delivery.
create function claim_deliveries(
    p_msp_id uuid, p_webhook_ids uuid[], p_limit integer, p_now timestamptz
) returns table (
    msp_id uuid, webhook_id uuid, "position" bigint, claims integer, failures smallint,
    due_at timestamptz,
    url text, sealed_secret text, previous_sealed_secret text,
    type text, happened_at timestamptz, org_id uuid, client_id uuid, data jsonb
)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    -- Held, so that two claimers do not both count what is under way and both find room.
    v_open constant uuid[] := array(
        select w.webhook_id from webhooks w
         where w.msp_id = p_msp_id and w.webhook_id = any (p_webhook_ids)
           and w.is_enabled and w.suspended_at is null
         order by w.webhook_id for no key update skip locked);
begin
    return query
    with due as (
        select d.webhook_id, d.position, d.due_at,
               row_number() over (partition by d.webhook_id order by d.due_at, d.position) as turn
          from webhooks w
         cross join lateral (
               select o.webhook_id, o.position, o.due_at from webhook_outbox o
                where o.msp_id = p_msp_id and o.webhook_id = w.webhook_id and o.due_at <= p_now
                order by o.due_at, o.position
                limit (select greatest(0, case when w.failing_since is null then 8 else 1 end
                                          - count(*))
                         from webhook_outbox u
                        where u.msp_id = p_msp_id and u.webhook_id = w.webhook_id
                          -- What was claimed by a clock that is a little ahead, too.
                          and u.due_at > p_now and u.due_at <= p_now + interval '60 seconds'
                          and u.is_claimed)
                  for no key update skip locked) d
         where w.msp_id = p_msp_id and w.webhook_id = any (v_open)
    ), chosen as (
        select d.* from due d order by d.turn, d.due_at, d.position limit p_limit
    ), claimed as (
        update webhook_outbox o
           set is_claimed = true, claims = o.claims + 1, due_at = p_now + interval '45 seconds'
          from chosen c
         where o.msp_id = p_msp_id and o.webhook_id = c.webhook_id and o.position = c.position
        returning o.webhook_id, o.position, o.kept_until, o.claims, o.failures, c.due_at
    )
    select p_msp_id, c.webhook_id, c.position, c.claims, c.failures, c.due_at,
           w.url, w.sealed_secret,
           case when w.previous_until > p_now then w.previous_sealed_secret end,
           e.type, e.happened_at, e.org_id, e.client_id, e.data
      from claimed c
      join webhooks w on w.msp_id = p_msp_id and w.webhook_id = c.webhook_id
      -- Events go when they are no longer kept, also from under a delivery.
      left join events e on e.msp_id = p_msp_id and e.position = c.position
                        and e.kept_until = c.kept_until
     order by c.due_at, c.position;
end
$$
