-- Drops what migrations made, whatever revision it stands at; what others made stays.
do $$
declare
    v_name text;
begin
    for v_name in
        select c.relname from pg_class c join pg_roles r on r.oid = c.relowner
         where c.relnamespace = 'public'::regnamespace
           and c.relkind in ('r', 'p') and not c.relispartition
           and r.rolname in (current_user, 'fleet_functions', 'fleet_partitions')
           and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    loop
        execute format('drop table public.%I cascade', v_name);
    end loop;
    for v_name in
        select p.oid::regprocedure::text from pg_proc p join pg_roles r on r.oid = p.proowner
         where p.pronamespace = 'public'::regnamespace
           and r.rolname in (current_user, 'fleet_functions', 'fleet_partitions')
           and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('drop function %s', v_name);
    end loop;
    for v_name in
        select c.relname from pg_class c join pg_roles r on r.oid = c.relowner
         where c.relnamespace = 'public'::regnamespace and c.relkind = 'c'
           and r.rolname in (current_user, 'fleet_functions', 'fleet_partitions')
           and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    loop
        execute format('drop type if exists public.%I cascade', v_name);
    end loop;
end
$$;

-- Functions and partitioned tables are given to these, who must be allowed to own them here.
grant create on schema public to fleet_functions, fleet_partitions;

-- The archive speaks of the login that owned it; here it is stood in for while we are somebody else.
do $$
declare
    v_owner constant text := current_setting('partner_api.archive_owner');
begin
    if v_owner <> current_user then
        execute format('create role %I nologin', v_owner);
        execute format('grant %I to current_user with inherit true, set true', v_owner);
        execute format('grant create on schema public to %I', v_owner);
    end if;
end
$$;
