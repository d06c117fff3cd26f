-- Writes one check-in each for many devices of any tenants, in one statement: the everyday case.
-- A row is written when its token hash is the device's, it is newer than every earlier one, its
-- sequence number (if any) continues the device's, it states the very facts the newest one stated,
-- and the device goes on streaming, not taken for gone meanwhile, and nobody wants to hear of its
-- MSP's check-ins. Rows that do not come back go to check_in_stepping next.
-- What was written is tallied by tenant, for count_check_ins. Of one life of a device no check-in
-- comes here twice, so the first one's device and moment are a key of the tally.
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
           -- Hardly ever does somebody: this is looked up once, not for each row.
           and d.msp_id <> all (array(
               select n.msp_id from event_interests n
                where n.msp_id = any (p_msp_ids) and n.until > p_now))
        returning i.ordinal, d.msp_id, d.enrollment_id, d.org_id, d.last_seen, d.stage,
                  d.check_in_interval_seconds, d.version_sort, d.channel, lower(d.os collate "C") as os
    ), tallied as (
        insert into check_in_tallies (msp_id, enrollment_id, seen_at, org_ids, moments)
        select w.msp_id, (array_agg(w.enrollment_id))[1], (array_agg(w.last_seen))[1],
               array_agg(w.org_id), array_agg(w.last_seen)
          from written w
         group by w.msp_id
        returning 1
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
      left join newest n on n.channel = w.channel and n.os = w.os
$$
