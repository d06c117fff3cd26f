-- The bound tenant's devices whose search_text contains p_text, literally and whatever the case;
-- null when there are more than p_most. Reads the tenant from the setting, like the policy does; runs
-- as its own role because under a policy no text search can use an index.
create function matching_devices(p_text text, p_most integer) returns uuid[]
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_msp_id constant uuid := current_setting('app.msp_id')::uuid;
    v_text constant text := casefold(p_text collate pg_unicode_fast);
    v_trigrams text[];
    v_found uuid[];
begin
    if length(v_text) < 3 then
        select array_agg(f.client_id) into v_found
          from (select t.client_id from device_texts t
                 where t.msp_id = v_msp_id and strpos(t.text, v_text) > 0
                 limit p_most + 1) f;
    else
        -- Side by side they cover the text; those between would be read for nothing, as every
        -- device that is found is compared anyway.
        v_trigrams := (device_trigrams(v_msp_id, v_text))[1 : length(v_text) / 3]
                      || (device_trigrams(v_msp_id, right(v_text, 3)))[1];
        -- The trigrams name the tenant already. It is asked for further out, because beside them it
        -- would lead the planner to its key.
        select array_agg(f.client_id) into v_found
          from (select t.msp_id, t.client_id from device_texts t
                 where device_trigrams(t.msp_id, t.text) @> v_trigrams
                   and strpos(t.text, v_text) > 0
                 limit p_most + 1) f
         where f.msp_id = v_msp_id;
    end if;
    return case when cardinality(v_found) > p_most then null else coalesce(v_found, '{}') end;
end
$$
