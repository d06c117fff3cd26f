-- Says that every threshold that passed by p_at is recorded.
create function set_watermark(p_at timestamptz) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    update sweep_watermark set swept_at = p_at
$$
