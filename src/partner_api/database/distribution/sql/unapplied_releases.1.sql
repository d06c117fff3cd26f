-- unapplied_releases on a distributed database. Transaction numbers of different nodes say nothing
-- of each other, so a release shows a minute after it was published: no transaction lives that long
-- here, and whoever begins later sees it.
create or replace function unapplied_releases()
returns table (channel text, os text, version text, version_sort text, published_at timestamptz)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select r.channel, r.os, r.version, r.version_sort, r.published_at
      from releases r
     where r.applied_at is null
       and r.published_at < (select w.swept_at - interval '1 minute' from sweep_watermark w)
     order by r.published_at, r.channel, r.os, r.version
$$
