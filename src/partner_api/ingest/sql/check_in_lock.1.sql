-- What a check-in needs to know of its device when neither check_in_calm nor check_in_stepping wrote
-- it, locked until the transaction that also calls check_in_careful ends. A device that does not come
-- back has no such token. Rows arrive sorted by key and are locked in that order, as the others lock them.
create function check_in_lock(p_msp_ids uuid[], p_client_ids uuid[], p_token_hashes bytea[])
returns table (
    ordinal bigint, last_seen timestamptz, check_in_count bigint,
    sequence_high bigint, sequence_window bigint,
    facts_digest bigint, facts_stated smallint, facts_pinned smallint, facts_at bytea, facts text[],
    streaming_seconds integer, online_seconds integer, critical_seconds integer,
    check_in_interval_seconds integer, version_sort text, latest_version text, latest_sort text
)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select i.ordinal, d.last_seen, d.check_in_count, d.sequence_high, d.sequence_window,
           d.facts_digest, d.facts_stated, d.facts_pinned, d.facts_at,
           array[d.os, d.os_version, d.arch, d.channel, d.current_version, d.serial_number,
                 d.asset_id, d.user_name, d.user_email, d.referrer],
           d.streaming_seconds, d.online_seconds, d.critical_seconds,
           d.check_in_interval_seconds, d.version_sort, r.version, r.version_sort
      from unnest(p_msp_ids, p_client_ids, p_token_hashes)
           with ordinality as i (msp_id, client_id, token_hash, ordinal)
      join devices d
        on d.msp_id = i.msp_id and d.client_id = i.client_id and d.token_hash = i.token_hash
      left join lateral (
          select r.version, r.version_sort from releases r
           where r.channel = d.channel and r.os in ('', lower(d.os collate "C"))
           order by r.version_sort desc, r.version desc limit 1
      ) r on true
     order by i.ordinal
       for no key update of d
$$
