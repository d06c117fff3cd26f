-- Makes the partitions (UTC, a day or a month each) of a partitioned table from p_keep to p_last
-- and drops those that end before p_keep. The one way partitions come and go; nobody has rights on
-- one.
create function keep_partitions(p_table text, p_unit text, p_keep date, p_last date)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    v_format constant text := case p_unit when 'day' then 'YYYYMMDD' when 'month' then 'YYYYMM' end;
    v_step constant interval := ('1 ' || p_unit)::interval;
    v_name text;
    v_start timestamptz;
begin
    if v_format is null or not exists (
        select from pg_class c
         where c.oid = to_regclass(format('public.%I', p_table)) and c.relkind = 'p'
           and pg_get_userbyid(c.relowner) = current_user)
    then
        raise exception 'no partitions of % by % are kept', p_table, p_unit;
    end if;
    -- One maintainer at a time, of the release before too, and none beside a backup; the lock is
    -- released with the transaction.
    perform pg_advisory_xact_lock(hashtext('maintain_partitions'));
    for v_start in
        select s from generate_series(
            date_trunc(p_unit, p_keep::timestamptz), p_last::timestamptz, v_step) as s
    loop
        v_name := p_table || '_' || to_char(v_start, v_format);
        if to_regclass(format('public.%I', v_name)) is null then
            execute format(
                'create table public.%I partition of public.%I for values from (%L) to (%L)',
                v_name, p_table, v_start, v_start + v_step);
        end if;
    end loop;
    for v_name in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = format('public.%I', p_table)::regclass
           and c.relname < p_table || '_' || to_char(date_trunc(p_unit, p_keep), v_format)
    loop
        execute format('drop table public.%I', v_name);
    end loop;
end
$$
