-- Writes what was folded from check_in_lock, in the same transaction: the check-ins that needed a
-- closer look. p_run_… hold the stretches each device was seen streaming in, as its ordinal, start
-- and end; from them the device is walked to p_now, and its steps are recorded. p_seen_… hold each
-- moment a device was seen at: they are tallied, and told to those who want to hear of check-ins. The
-- text it is searched in is written where it differs or is missing.
create or replace function check_in_folded(
    p_msp_ids uuid[], p_client_ids uuid[], p_token_hashes bytea[],
    p_last_seen timestamptz[], p_counts bigint[],
    p_sequence_highs bigint[], p_sequence_windows bigint[],
    p_digests bigint[], p_stated smallint[], p_facts_at bytea[],
    p_os text[], p_os_versions text[], p_archs text[], p_channels text[], p_versions text[],
    p_serial_numbers text[], p_asset_ids text[], p_user_names text[], p_user_emails text[],
    p_referrers text[], p_version_sorts text[], p_asset_sorts text[],
    p_run_devices bigint[], p_run_starts timestamptz[], p_run_ends timestamptz[],
    p_seen_devices bigint[], p_seen timestamptz[],
    p_now timestamptz
) returns table (ordinal bigint, latest_version text, latest_sort text)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with runs as materialized (
        select r.device, array_agg(r.starts order by r.starts) as starts,
               array_agg(r.ends order by r.starts) as ends
          from unnest(p_run_devices, p_run_starts, p_run_ends) as r (device, starts, ends)
         group by r.device
    ), walked as materialized (
        select i.*, s.is_current,
               status_walk(
                   d.stage, d.stage_since, d.is_current, d.last_seen, a.ages,
                   r.starts, r.ends, s.is_current, a.ages, 'check-in', p_now) as w
          from unnest(
                   p_msp_ids, p_client_ids, p_token_hashes, p_last_seen, p_counts,
                   p_sequence_highs, p_sequence_windows, p_digests, p_stated, p_facts_at,
                   p_os, p_os_versions, p_archs, p_channels, p_versions, p_serial_numbers,
                   p_asset_ids, p_user_names, p_user_emails, p_referrers, p_version_sorts,
                   p_asset_sorts
               ) with ordinality as i (
                   msp_id, client_id, token_hash, last_seen, check_in_count,
                   sequence_high, sequence_window, digest, stated, facts_at,
                   os, os_version, arch, channel, current_version, serial_number,
                   asset_id, user_name, user_email, referrer, version_sort, asset_sort, ordinal
               )
          join devices d
            on d.msp_id = i.msp_id and d.client_id = i.client_id and d.token_hash = i.token_hash
          join runs r on r.device = i.ordinal
         cross join lateral (values (
             array[d.streaming_seconds, d.online_seconds, d.critical_seconds])) as a (ages)
         cross join lateral (values (
             -- Who runs what it ran is judged when a release reaches it, not by a late check-in.
             case when (i.channel, i.os, i.version_sort) = (d.channel, d.os, d.version_sort)
                  then d.is_current
                  else is_current(i.channel, i.os, i.version_sort) end)) as s (is_current)
    ), written as (
        update devices d
           set last_seen = i.last_seen, check_in_count = i.check_in_count,
               sequence_high = i.sequence_high, sequence_window = i.sequence_window,
               facts_digest = i.digest, facts_stated = i.stated, facts_at = i.facts_at,
               os = i.os, os_version = i.os_version, arch = i.arch, channel = i.channel,
               current_version = i.current_version, serial_number = i.serial_number,
               asset_id = i.asset_id, user_name = i.user_name, user_email = i.user_email,
               referrer = i.referrer, version_sort = i.version_sort, asset_sort = i.asset_sort,
               is_current = i.is_current, stage = (i.w).stage, stage_since = (i.w).since,
               -- What was observed before the outage that was told does not end it.
               is_out = d.is_out and i.last_seen
                   < d.last_seen + interval '1 second' * d.offline_event_seconds
          from walked i
         where d.msp_id = i.msp_id and d.client_id = i.client_id and d.token_hash = i.token_hash
        returning i.ordinal, i.w, row(d.*)::devices as device, d.msp_id, d.client_id,
                  d.enrollment_id, d.org_id, d.channel, d.os,
                  search_text(d.asset_id, d.serial_number, d.user_name, d.user_email) as text,
                  status_state(old.stage, old.is_current) as state_before,
                  status_state(d.stage, d.is_current) as state_after,
                  old.is_out as was_out, old.last_seen as seen_before,
                  old.current_version as version_before, d.offline_event_seconds
    ), moments as materialized (
        select w.ordinal, w.msp_id, w.client_id, w.was_out, w.offline_event_seconds, s.seen,
               lag(s.seen, 1, w.seen_before) over nth as seen_before, row_number() over nth as n
          from written w
          join unnest(p_seen_devices, p_seen) as s (device, seen) on s.device = w.ordinal
         where s.seen > coalesce(w.seen_before, '-infinity')
           and (not w.was_out
                or s.seen >= w.seen_before + interval '1 second' * w.offline_event_seconds)
        window nth as (partition by w.ordinal order by s.seen)
    ), outages as materialized (
        select record_outages(
                   array_agg(o.msp_id order by o.ordinal, o.n),
                   array_agg(o.client_id order by o.ordinal, o.n),
                   array_agg(o.offline_at order by o.ordinal, o.n),
                   array_agg(o.seen order by o.ordinal, o.n))
          from (select m.*,
                       -- Of the first moment's outage the sweep told already, if it noticed.
                       case when m.n > 1 or not m.was_out then
                           outage(m.seen_before, m.offline_event_seconds,
                                  (select resumed_at(p_now)), m.seen)
                       end as offline_at
                  from moments m) o
         where o.offline_at is not null or (o.n = 1 and (o.was_out or o.seen_before is null))
        having count(*) > 0
    ), recorded as materialized (
        select record_changes(array_agg(row(
                   w.msp_id, w.client_id, w.org_id, w.org_id, w.state_before, w.state_after, w.w
               )::device_change order by w.ordinal), p_now)
          from written w
          left join outages on true
    ), versions as materialized (
        select count(record_event(
                   w.msp_id, 'device.version_changed', (w.device).last_seen, w.org_id, w.client_id,
                   jsonb_build_object(
                       'device', device_facts(w.device, w.state_after),
                       'previous', jsonb_build_object('currentVersion', w.version_before))))
          from written w
         where w.version_before <> (w.device).current_version and exists (select from recorded)
    ), noted as materialized (
        select record_check_ins(
                   array_agg(w.msp_id order by w.ordinal, s.seen),
                   array_agg(w.client_id order by w.ordinal, s.seen),
                   array_agg(s.seen order by w.ordinal, s.seen))
          from written w
          join unnest(p_seen_devices, p_seen) as s (device, seen) on s.device = w.ordinal
         where exists (
               select from event_interests n where n.msp_id = w.msp_id and n.until > p_now)
        having count(*) > 0
    ), tallied as materialized (
        select tally_check_ins(w.msp_id, array_agg(w.enrollment_id), array_agg(w.org_id),
                               array_agg(s.seen))
          from written w
          join unnest(p_seen_devices, p_seen) as s (device, seen) on s.device = w.ordinal
         group by w.msp_id
    ), searched as materialized (
        select keep_texts(w.msp_id, array_agg(w.client_id))
          from written w
         where not exists (
               select from device_texts t
                where t.msp_id = w.msp_id and t.client_id = w.client_id and t.text = w.text)
         group by w.msp_id
    )
    select w.ordinal, r.version, r.version_sort
      from written w
     cross join recorded
     cross join versions
     cross join (select count(*) from searched) as texts
     cross join (select count(*) from tallied) as tallies
      left join noted on true
      left join lateral (
          select r.version, r.version_sort from releases r
           where r.channel = w.channel and r.os in ('', lower(w.os collate "C"))
           order by r.version_sort desc, r.version desc limit 1
      ) r on true
$$
