-- Makes the daily partitions (UTC) of every partitioned table from p_first to p_last and drops
-- those that end before p_keep. The one way partitions come and go; nobody has rights on one.
create function maintain_partitions(p_keep date, p_first date, p_last date) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    v_name text;
    v_day date;
begin
    -- One maintainer at a time; the lock is released with the transaction.
    perform pg_advisory_xact_lock(hashtext('maintain_partitions'));
    for v_day in select generate_series(p_first, p_last, interval '1 day')::date loop
        v_name := 'logs_' || to_char(v_day, 'YYYYMMDD');
        if to_regclass('public.' || v_name) is null then
            execute format(
                'create table public.%I partition of public.logs for values from (%L) to (%L)',
                v_name, v_day::timestamp at time zone 'UTC',
                (v_day + 1)::timestamp at time zone 'UTC');
        end if;
    end loop;
    for v_name in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'public.logs'::regclass
           and c.relname < 'logs_' || to_char(p_keep, 'YYYYMMDD')
    loop
        execute format('drop table public.%I', v_name);
    end loop;
end
$$
