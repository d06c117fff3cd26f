-- What a device is searched in: four facts, folded, with a control character between them that
-- neither facts nor queries may contain, so that nothing matches across two.
create function search_text(
    p_asset_id text, p_serial_number text, p_user_name text, p_user_email text
) returns text
language sql immutable
as $$
    select casefold((coalesce(p_asset_id, '') || chr(31) || coalesce(p_serial_number, '')
                     || chr(31) || coalesce(p_user_name, '') || chr(31)
                     || coalesce(p_user_email, '')) collate pg_unicode_fast)
$$
