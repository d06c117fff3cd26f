-- Marks newly published releases with this transaction. Whoever judges a device takes a transaction
-- number before it looks for releases, so who did not see these yet has a smaller one.
create function notice_releases() returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    update releases r set noticed_xid = pg_current_xact_id()
     where r.applied_at is null and r.noticed_xid is null
$$
