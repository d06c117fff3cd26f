-- What the stand-in owns and may do passes to us, and it goes.
do $$
declare
    v_owner constant text := current_setting('partner_api.archive_owner');
    v_policy record;
begin
    if v_owner = current_user then
        return;
    end if;
    execute format('reassign owned by %I to current_user', v_owner);
    for v_policy in
        select p.schemaname, p.tablename, p.policyname,
               (select string_agg(format('%I', case role when v_owner then current_user
                                                         else role end), ', ')
                  from unnest(p.roles) role) as roles
          from pg_policies p where v_owner = any (p.roles)
    loop
        execute format('alter policy %I on %I.%I to %s', v_policy.policyname,
                       v_policy.schemaname, v_policy.tablename, v_policy.roles);
    end loop;
    execute format('drop owned by %I', v_owner);
    execute format('drop role %I', v_owner);
end
$$;

-- The archive's script switches it off, and counting would then be an error.
set local row_security = on;
do $$
declare
    v_table text;
    v_expected bigint;
    v_found bigint;
    v_revision text;
begin
    for v_table, v_expected in
        select key, value::bigint from jsonb_each_text(current_setting('partner_api.rows')::jsonb)
    loop
        execute format('select count(*) from public.%I', v_table) into v_found;
        if v_found <> v_expected then
            raise exception 'table % has % rows and should have %', v_table, v_found, v_expected;
        end if;
    end loop;
    select version_num into v_revision from public.alembic_version;
    if v_revision is distinct from current_setting('partner_api.revision') then
        raise exception 'the schema stands at revision %', v_revision;
    end if;
end
$$;
