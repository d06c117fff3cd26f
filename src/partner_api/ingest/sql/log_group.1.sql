-- Writes log entries of many devices of any tenants. A device is known by its token hash; entries
-- of one that has no such token are not written and its place does not come back.
create function log_group(
    p_msp_ids uuid[], p_client_ids uuid[], p_token_hashes bytea[],
    p_devices bigint[], p_logged timestamptz[], p_log_ids uuid[], p_severities smallint[],
    p_payloads text[]
) returns table (ordinal bigint)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with known as materialized (
        select i.ordinal, d.msp_id, d.client_id, d.enrollment_id
          from unnest(p_msp_ids, p_client_ids, p_token_hashes)
               with ordinality as i (msp_id, client_id, token_hash, ordinal)
          join devices d
            on d.msp_id = i.msp_id and d.client_id = i.client_id and d.token_hash = i.token_hash
    ), written as (
        insert into logs (msp_id, client_id, enrollment_id, logged_at, log_id, severity, payload)
        select k.msp_id, k.client_id, k.enrollment_id, e.logged_at, e.log_id, e.severity, e.payload
          from unnest(p_devices, p_logged, p_log_ids, p_severities, p_payloads)
               as e (device, logged_at, log_id, severity, payload)
          join known k on k.ordinal = e.device
        on conflict do nothing
    )
    select k.ordinal from known k
$$
