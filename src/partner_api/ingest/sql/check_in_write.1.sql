-- Writes what was folded from check_in_read, in the same transaction, and the check-ins that needed
-- a closer look.
create function check_in_write(
    p_msp_ids uuid[], p_client_ids uuid[], p_token_hashes bytea[],
    p_last_seen timestamptz[], p_counts bigint[],
    p_sequence_highs bigint[], p_sequence_windows bigint[],
    p_digests bigint[], p_stated smallint[], p_facts_at bytea[],
    p_os text[], p_os_versions text[], p_archs text[], p_channels text[], p_versions text[],
    p_serial_numbers text[], p_asset_ids text[], p_user_names text[], p_user_emails text[],
    p_referrers text[], p_version_sorts text[], p_asset_sorts text[]
) returns table (ordinal bigint, latest_version text, latest_sort text)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with written as (
        update devices d
           set last_seen = i.last_seen, check_in_count = i.check_in_count,
               sequence_high = i.sequence_high, sequence_window = i.sequence_window,
               facts_digest = i.digest, facts_stated = i.stated,
               facts_at = i.facts_at,
               os = i.os, os_version = i.os_version, arch = i.arch, channel = i.channel,
               current_version = i.current_version, serial_number = i.serial_number,
               asset_id = i.asset_id, user_name = i.user_name, user_email = i.user_email,
               referrer = i.referrer, version_sort = i.version_sort, asset_sort = i.asset_sort
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
         where d.msp_id = i.msp_id and d.client_id = i.client_id and d.token_hash = i.token_hash
        returning i.ordinal, d.channel, d.os
    )
    select w.ordinal, r.version, r.version_sort
      from written w
      left join lateral (
          select r.version, r.version_sort from releases r
           where r.channel = w.channel and r.os in ('', lower(w.os collate "C"))
           order by r.version_sort desc, r.version desc limit 1
      ) r on true
$$
