-- Whether no newer release is published for a device's channel and operating system.
create function is_current(p_channel text, p_os text, p_version_sort text) returns boolean
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
    select not exists (
        select from releases r
         where r.channel = p_channel and r.os in ('', lower(p_os collate "C"))
           and r.version_sort > p_version_sort)
$$
