-- For API processes of the release before, while an upgrade is under way. They pass neither an
-- instant nor when the devices were seen streaming: their newest moment stands for both.
create or replace function check_in_write(
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
    select w.ordinal, w.latest_version, w.latest_sort
      from check_in_careful(
               p_msp_ids, p_client_ids, p_token_hashes, p_last_seen, p_counts,
               p_sequence_highs, p_sequence_windows, p_digests, p_stated, p_facts_at,
               p_os, p_os_versions, p_archs, p_channels, p_versions, p_serial_numbers,
               p_asset_ids, p_user_names, p_user_emails, p_referrers, p_version_sorts,
               p_asset_sorts,
               (select array_agg(n) from generate_series(1, cardinality(p_last_seen)) as n),
               p_last_seen, p_last_seen,
               (select max(s.seen) from unnest(p_last_seen) as s (seen))) w
$$
