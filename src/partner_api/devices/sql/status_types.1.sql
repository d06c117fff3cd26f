-- What status_walk answers: where the device stands, and the steps that led there.
create type status_walked as (
    stage smallint, since timestamptz, due_at timestamptz,
    at timestamptz[], states_before smallint[], states_after smallint[], causes text[]
);
-- What became of one device, for record_changes. States are null before enrolment and after
-- deletion; `walked` holds the steps for the history.
create type device_change as (
    msp_id uuid, client_id uuid, org_id_before uuid, org_id uuid,
    state_before smallint, state_after smallint, walked status_walked
);
