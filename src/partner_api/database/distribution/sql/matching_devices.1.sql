-- matching_devices on a distributed database, where it runs on the tenant's node inside a statement
-- there: the tenant must be a parameter of each query, so that one shard is looked at.
create or replace function matching_devices(p_text text, p_most integer) returns uuid[]
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
        v_trigrams := (device_trigrams(v_msp_id, v_text))[1 : length(v_text) / 3]
                      || (device_trigrams(v_msp_id, right(v_text, 3)))[1];
        select array_agg(f.client_id) into v_found
          from (select t.client_id from device_texts t
                 where t.msp_id = v_msp_id
                   and device_trigrams(t.msp_id, t.text) @> v_trigrams
                   and strpos(t.text, v_text) > 0
                 limit p_most + 1) f;
    end if;
    return case when cardinality(v_found) > p_most then null else coalesce(v_found, '{}') end;
end
$$
