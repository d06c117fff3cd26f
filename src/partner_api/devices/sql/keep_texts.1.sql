-- Brings the texts that devices are searched in up to their facts, where they differ. The caller
-- holds the devices' rows. No join with the texts there are: planned while these were few, it would
-- read all of them for each device.
create function keep_texts(p_msp_id uuid, p_client_ids uuid[]) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    insert into device_texts as t (msp_id, client_id, text)
    select d.msp_id, d.client_id,
           search_text(d.asset_id, d.serial_number, d.user_name, d.user_email)
      from devices d
     where d.msp_id = p_msp_id and d.client_id = any(p_client_ids)
        on conflict (msp_id, client_id) do update set text = excluded.text
     where t.text <> excluded.text
$$
