-- Writes one check-in each for many devices of one MSP: the everyday ones an integrator relays. The
-- MSP is the integrator's, from a verified token, and stands in the place of the devices' own
-- tokens. Returns the ordinals of the rows that were written; the conditions are check_in_calm's.
-- Rows arrive sorted by key and at most one per device, so that groups lock in one order.
create function check_in_relayed(
    p_msp_id uuid, p_client_ids uuid[],
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
          from unnest(p_client_ids, p_observed, p_sequences, p_digests)
               with ordinality
               as i (client_id, observed, sequence, digest, ordinal)
         where d.msp_id = p_msp_id and d.client_id = i.client_id
           and d.last_seen < i.observed
           and d.facts_digest = i.digest
           and (i.sequence is null or d.sequence_high < i.sequence)
           and is_calm(d.stage, d.last_seen, d.streaming_seconds, i.observed, p_now)
        returning i.ordinal
    )
    select coalesce(array_agg(w.ordinal), '{}') from written w
$$
