-- Writes one check-in each for many devices of any tenants, in one statement: what check_in_calm
-- left because the device does not go on streaming, or because somebody wants to hear of it. It is
-- walked to p_now, and its steps recorded; in all else the same rows are written. Rows that do not
-- come back need a closer look: check_in_lock and check_in_folded.
-- Rows arrive sorted by key and at most one per device, so that groups lock in one order.
create or replace function check_in_stepping(
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
                   else 1 end,
               -- What was observed before the outage that was told does not end it.
               is_out = d.is_out and i.observed
                   < d.last_seen + interval '1 second' * d.offline_event_seconds,
               (stage, stage_since) = (
                   select w.stage, w.since
                     from status_walk(
                         d.stage, d.stage_since, d.is_current, d.last_seen,
                         array[d.streaming_seconds, d.online_seconds, d.critical_seconds],
                         array[i.observed], array[i.observed], d.is_current,
                         array[d.streaming_seconds, d.online_seconds, d.critical_seconds],
                         'check-in', p_now) as w)
          from unnest(p_msp_ids, p_client_ids, p_token_hashes, p_observed, p_sequences, p_digests)
               with ordinality
               as i (msp_id, client_id, token_hash, observed, sequence, digest, ordinal)
         where d.msp_id = i.msp_id and d.client_id = i.client_id and d.token_hash = i.token_hash
           and d.last_seen < i.observed
           and d.facts_digest = i.digest
           and (i.sequence is null or d.sequence_high < i.sequence)
        returning i.ordinal, d.msp_id, d.client_id, d.enrollment_id, d.org_id, d.last_seen, d.stage,
                  d.is_current,
                  old.stage as stage_before, old.stage_since as since_before,
                  old.last_seen as seen_before, old.is_out as was_out, d.is_out,
                  d.offline_event_seconds,
                  d.streaming_seconds, d.online_seconds, d.critical_seconds,
                  d.check_in_interval_seconds, d.version_sort, d.channel,
                  lower(d.os collate "C") as os
    ), outages as materialized (
        select record_outages(
                   array_agg(o.msp_id order by o.ordinal), array_agg(o.client_id order by o.ordinal),
                   array_agg(o.offline_at order by o.ordinal),
                   array_agg(o.last_seen order by o.ordinal))
          from (select w.ordinal, w.msp_id, w.client_id, w.last_seen, w.was_out, w.is_out,
                       case when not w.was_out then
                           outage(w.seen_before, w.offline_event_seconds,
                                  (select resumed_at(p_now)), w.last_seen)
                       end as offline_at
                  from written w) o
         where not o.is_out and (o.was_out or o.offline_at is not null)
        having count(*) > 0
    ), recorded as materialized (
        select record_changes(array_agg(row(
                   w.msp_id, w.client_id, w.org_id, w.org_id,
                   status_state(w.stage_before, w.is_current), status_state(w.stage, w.is_current),
                   status_walk(
                       w.stage_before, w.since_before, w.is_current, w.seen_before, a.ages,
                       array[w.last_seen], array[w.last_seen], w.is_current, a.ages,
                       'check-in', p_now)
               )::device_change order by w.ordinal), p_now)
          from written w
          left join outages on true
         cross join lateral (values (
             array[w.streaming_seconds, w.online_seconds, w.critical_seconds])) as a (ages)
    ), noted as materialized (
        -- Hardly ever does somebody want to hear of check-ins.
        select record_check_ins(
                   array_agg(w.msp_id order by w.ordinal), array_agg(w.client_id order by w.ordinal),
                   array_agg(w.last_seen order by w.ordinal))
          from written w
         where exists (
               select from event_interests n where n.msp_id = w.msp_id and n.until > p_now)
        having count(*) > 0
    ), tallied as materialized (
        select tally_check_ins(w.msp_id, array_agg(w.enrollment_id), array_agg(w.org_id),
                               array_agg(w.last_seen))
          from written w
         group by w.msp_id
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
     cross join recorded
     cross join (select count(*) from tallied) as tallies
      left join noted on true
      left join newest n on n.channel = w.channel and n.os = w.os
$$
