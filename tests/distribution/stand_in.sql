-- What `db distribute` asks of Citus, on a PostgreSQL without it: queries are answered by this one
-- node, everything else is written down.
create schema stand_in;
create table stand_in.calls (n integer generated always as identity, call text not null);
create table stand_in.citus_tables (
    table_name regclass primary key, citus_table_type text, colocation_id integer
);
create table stand_in.pg_dist_local_group (groupid integer);
insert into stand_in.pg_dist_local_group values (0);
create table stand_in.pg_dist_node (
    nodeid integer, groupid integer, nodename text, nodeport integer, noderole text default 'primary',
    isactive boolean default true, hasmetadata boolean default true,
    metadatasynced boolean default true, shouldhaveshards boolean
);
insert into stand_in.pg_dist_node (nodeid, groupid, nodename, nodeport, shouldhaveshards)
values (1, 0, 'coordinator', 5432, false), (2, 1, 'worker', 5432, true);
create table stand_in.answers (command text, result text);
create table stand_in.refused (table_name text);
-- Where functions look, whose search path is fixed.
create view public.citus_shards as
select 'public.devices'::regclass as table_name, 1 as shardid, 'worker' as nodename,
       5432 as nodeport, pg_total_relation_size('public.devices') as shard_size;
grant usage on schema stand_in to public;
grant select on all tables in schema stand_in to public;
grant select on public.citus_shards to public;

create function stand_in.noted(p_call text) returns void language sql
    as $$ insert into stand_in.calls (call) values (p_call) $$;

create function stand_in.answered(p_command text) returns text language plpgsql as $$
declare
    v_result text := (select result from stand_in.answers where command = p_command);
begin
    if v_result is not null then
        return v_result;
    elsif p_command ~* '^\s*(select|with)\y' then
        execute p_command into v_result;
        return case v_result when 'true' then 't' else v_result end;
    end if;
    perform stand_in.noted(p_command);
    return '';
end
$$;

create function stand_in.run_command_on_workers(p_command text)
returns table (nodename text, nodeport integer, success boolean, result text) language sql
    as $$ select 'worker', 5432, true, stand_in.answered(p_command) $$;

create function stand_in.run_command_on_all_nodes(p_command text)
returns table (nodeid integer, success boolean, result text) language sql
    as $$ select n.nodeid, true, stand_in.answered(p_command) from stand_in.pg_dist_node n $$;

create function stand_in.run_command_on_placements(p_table regclass, p_command text)
returns table (nodename text, nodeport integer, shardid bigint, success boolean, result text)
language sql
    as $$ select 'worker', 5432, 1, true, stand_in.answered(replace(p_command, '%s', p_table::text)) $$;

create function stand_in.placed(p_table regclass, p_type text, p_colocation_id integer) returns void
language plpgsql as $$
begin
    if exists (select from stand_in.refused r where r.table_name = p_table::text) then
        raise exception 'no room for %', p_table;
    end if;
    if exists (select from stand_in.citus_tables c where c.table_name = p_table) then
        raise exception '% is placed already', p_table;
    end if;
    if exists (select from pg_constraint k
                where k.contype = 'f' and k.conrelid = p_table and k.confrelid <> p_table
                  and not exists (select from stand_in.citus_tables c
                                   where c.table_name = k.confrelid)) then
        raise exception '% refers to a table that is not placed', p_table;
    end if;
    insert into stand_in.citus_tables values (p_table, p_type, p_colocation_id);
    perform stand_in.noted(p_type || ' ' || p_table);
end
$$;

create function stand_in.create_reference_table(p_table regclass) returns void language sql
    as $$ select stand_in.placed(p_table, 'reference', 1) $$;

create function stand_in.create_distributed_table(
    p_table regclass, p_column text, colocate_with text, shard_count integer default null
) returns void language sql
    as $$
    select stand_in.noted(format('shards %s', shard_count)) where shard_count is not null;
    select stand_in.placed(p_table, 'distributed', 2);
    $$;

create function stand_in.truncate_local_data_after_distributing_table(p_table regclass)
returns void language sql
    as $$ select stand_in.noted('truncated ' || p_table) $$;

create function stand_in.create_distributed_function(p_function regprocedure) returns void
language sql as $$ select stand_in.noted('function ' || p_function) $$;
