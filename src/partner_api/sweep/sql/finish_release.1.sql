-- Says that a release's effect on every device is recorded.
create function finish_release(p_channel text, p_os text, p_version text, p_now timestamptz)
returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    update releases r set applied_at = p_now
     where r.channel = p_channel and r.os = p_os and r.version = p_version
$$
