-- Writes one check-in each for many devices of any tenants, in one statement: the everyday case.
-- A row is written when its token hash is the device's, it is newer than every earlier one, its
-- sequence number (if any) continues the device's, it states the very facts the newest one stated,
-- and the device goes on streaming, not taken for gone meanwhile. Rows that do not come back go to
-- check_in_stepping next.
-- Rows arrive sorted by key and at most one per device, so that groups lock in one order.
create or replace function check_in_calm(
    p_msp_ids uuid[], p_client_ids uuid[], p_token_hashes bytea[],
    p_observed timestamptz[], p_sequences bigint[], p_digests bigint[], p_now timestamptz
) returns table (
    ordinal bigint, last_seen timestamptz, stage smallint, check_in_interval_seconds integer,
    version_sort text, latest_version text, latest_sort text
)
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
          from unnest(p_msp_ids, p_client_ids, p_token_hashes, p_observed, p_sequences, p_digests)
               with ordinality
               as i (msp_id, client_id, token_hash, observed, sequence, digest, ordinal)
         where d.msp_id = i.msp_id and d.client_id = i.client_id and d.token_hash = i.token_hash
           and d.last_seen < i.observed
           and d.facts_digest = i.digest
           and (i.sequence is null or d.sequence_high < i.sequence)
           and is_calm(d.stage, d.last_seen, least(d.streaming_seconds, d.offline_event_seconds),
                       i.observed, p_now)
           and not d.is_out
        returning i.ordinal, d.msp_id, d.client_id, d.last_seen, d.stage, d.check_in_interval_seconds,
                  d.version_sort, d.channel, lower(d.os collate "C") as os
    ), noted as materialized (
        -- Hardly ever does somebody want to hear of check-ins.
        select record_check_ins(
                   array_agg(w.msp_id order by w.ordinal), array_agg(w.client_id order by w.ordinal),
                   array_agg(w.last_seen order by w.ordinal))
          from written w
         where exists (
               select from event_interests n where n.msp_id = w.msp_id and n.until > p_now)
        having count(*) > 0
    ), newest as materialized (
        -- Once for each channel and system, not for each device.
        select k.channel, k.os, r.version, r.version_sort
          from (select distinct w.channel, w.os from written w) k
         cross join lateral (
             select r.version, r.version_sort from releases r
              where r.channel = k.channel and r.os in ('', k.os)
              order by r.version_sort desc, r.version desc limit 1) r
    )
    select w.ordinal, w.last_seen, w.stage, w.check_in_interval_seconds,
           w.version_sort, n.version, n.version_sort
      from written w
      left join noted on true
      left join newest n on n.channel = w.channel and n.os = w.os
$$
