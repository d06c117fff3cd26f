-- For API processes of the release before, while an upgrade is under way. They pass no instant: the
-- newest moment of their group stands for it.
create or replace function check_in_group(
    p_msp_ids uuid[], p_client_ids uuid[], p_token_hashes bytea[],
    p_observed timestamptz[], p_sequences bigint[], p_digests bigint[]
) returns table (
    ordinal bigint, last_seen timestamptz, version_sort text, latest_version text, latest_sort text
)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select g.ordinal, g.last_seen, g.version_sort, g.latest_version, g.latest_sort
      from check_in_stepping(
               p_msp_ids, p_client_ids, p_token_hashes, p_observed, p_sequences, p_digests,
               (select max(o.observed) from unnest(p_observed) as o (observed))) g
$$
