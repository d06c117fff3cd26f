-- search_devices on a distributed database, where it runs on the tenant's node inside a statement
-- there: the tenant must be a parameter, so that one shard is looked at and no other node asked.
create or replace function search_devices(p_text text) returns table (client_id uuid)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    v_msp_id constant uuid := current_setting('app.msp_id')::uuid;
    v_text constant text := casefold(p_text collate pg_unicode_fast);
begin
    return query
    select d.client_id
      from devices d
     where d.msp_id = v_msp_id
       and (strpos(casefold(d.asset_id collate pg_unicode_fast), v_text) > 0
         or strpos(casefold(d.serial_number collate pg_unicode_fast), v_text) > 0
         or strpos(casefold(d.user_name collate pg_unicode_fast), v_text) > 0
         or strpos(casefold(d.user_email collate pg_unicode_fast), v_text) > 0);
end
$$
