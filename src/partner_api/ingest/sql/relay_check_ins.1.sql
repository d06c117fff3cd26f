-- Writes one check-in each for many devices of one MSP: the everyday ones an integrator relays. The
-- MSP is the integrator's, from a verified token, and stands in the place of the devices' own
-- tokens. Returns the ordinals of the rows that were written; the conditions are check_in_calm's.
-- Rows arrive sorted by key and at most one per device, so that groups lock in one order.
-- The MSP is told with each row: where most MSPs are small, a plan for "its devices" would read all
-- of a large one's for each row, and lock them in another order.
create function relay_check_ins(
    p_msp_ids uuid[], p_client_ids uuid[],
    p_observed timestamptz[], p_sequences bigint[], p_digests bigint[], p_now timestamptz
) returns bigint[]
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with written as (
        update devices d
           set last_seen = i.observed,
               check_in_count = d.check_in_count + 1,
               sequence_high = coalesce(i.sequence, d.sequence_high),
               sequence_window = case
                   when i.sequence is null then d.sequence_window
                   when i.sequence - d.sequence_high < 64
                       then (d.sequence_window << (i.sequence - d.sequence_high)::integer) | 1
                   else 1 end
          from unnest(p_msp_ids, p_client_ids, p_observed, p_sequences, p_digests)
               with ordinality
               as i (msp_id, client_id, observed, sequence, digest, ordinal)
         where d.msp_id = i.msp_id and d.client_id = i.client_id
           and d.last_seen < i.observed
           and d.facts_digest = i.digest
           and (i.sequence is null or d.sequence_high < i.sequence)
           and is_calm(d.stage, d.last_seen, least(d.streaming_seconds, d.offline_event_seconds),
                       i.observed, p_now)
           and not d.is_out
        returning i.ordinal, d.msp_id, d.client_id, d.enrollment_id, d.org_id, d.last_seen
    ), noted as materialized (
        -- Hardly ever does somebody want to hear of check-ins.
        select record_check_ins(
                   array_agg(w.msp_id order by w.ordinal), array_agg(w.client_id order by w.ordinal),
                   array_agg(w.last_seen order by w.ordinal))
          from written w
         where exists (
                   select from event_interests n
                    where n.msp_id = any (p_msp_ids) and n.until > p_now)
        having count(*) > 0
    ), tallied as materialized (
        select tally_check_ins(w.msp_id, array_agg(w.enrollment_id), array_agg(w.org_id),
                               array_agg(w.last_seen))
          from written w
         group by w.msp_id
    ), all_tallied as materialized (
        -- One row, and no subquery: a left join with one would be taken for needless.
        select count(*) from tallied
    )
    select coalesce(array_agg(w.ordinal), '{}')
      from written w
      left join noted on true
      left join all_tallied on true
$$
