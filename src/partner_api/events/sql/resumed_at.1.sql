-- Since when the server has been there again after it was away, null if it always was: devices have
-- their whole time from then on to be seen. While no API process has said for a minute that it is
-- there, that is now: nobody can be seen, and nobody goes out.
create function resumed_at(p_now timestamptz) returns timestamptz
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
    select case when p.seen_at >= p_now - interval '60 seconds' then p.resumed_at else p_now end
      from server_presence p
$$
