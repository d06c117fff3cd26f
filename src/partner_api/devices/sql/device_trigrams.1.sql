-- Every three neighbouring characters of a text, each behind its MSP, so that an entry of the index
-- on them belongs to one tenant. The trigrams at 1, 4, 7 … come first, then those at 2, 5, 8 …, then
-- those at 3, 6, 9 …; the last of each may be filled up with the separator of search_text.
-- Three passes of a regular expression take a third of the time of cutting trigrams out one by one.
create function device_trigrams(p_msp_id uuid, p_text text) returns text[]
language plpgsql immutable parallel safe cost 1000
as $$
begin
    return string_to_array(substr(regexp_replace(
        rpad(p_text, (length(p_text) + 2) / 3 * 3, chr(31))
            || rpad(substr(p_text, 2), (length(p_text) + 1) / 3 * 3, chr(31))
            || rpad(substr(p_text, 3), length(p_text) / 3 * 3, chr(31)),
        '...', chr(30) || encode(uuid_send(p_msp_id), 'base64') || '\&', 'g'), 2), chr(30));
end
$$
