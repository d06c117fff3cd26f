-- The bound tenant's devices whose asset id, serial number, user name or user e-mail contains
-- p_text, literally and whatever the case. Reads the tenant from the setting, like the policy
-- does; runs as its own role because under a policy no text search can use an index.
create function search_devices(p_text text) returns table (client_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with wanted as materialized (
        select casefold(p_text collate pg_unicode_fast) as text
    )
    select d.client_id
      from devices d, wanted w
     where d.msp_id = current_setting('app.msp_id')::uuid
       and (strpos(casefold(d.asset_id collate pg_unicode_fast), w.text) > 0
         or strpos(casefold(d.serial_number collate pg_unicode_fast), w.text) > 0
         or strpos(casefold(d.user_name collate pg_unicode_fast), w.text) > 0
         or strpos(casefold(d.user_email collate pg_unicode_fast), w.text) > 0)
$$
