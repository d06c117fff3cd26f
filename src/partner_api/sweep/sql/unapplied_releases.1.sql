-- Noticed releases whose effect on devices is not recorded yet. One shows only when every
-- transaction that may have judged a device without it has ended.
create function unapplied_releases()
returns table (channel text, os text, version text, version_sort text, published_at timestamptz)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select r.channel, r.os, r.version, r.version_sort, r.published_at
      from releases r
     where r.applied_at is null
       and r.noticed_xid < pg_snapshot_xmin(pg_current_snapshot())
     order by r.published_at, r.channel, r.os, r.version
$$
