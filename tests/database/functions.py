"""Every SQL function there is, by hand, so that a new one is looked at."""

from partner_api.database.roles import Role

# With their owners' rights: each one's owner and the one role that may execute it.
DEFINERS = {
    "catch_up": (Role.FUNCTIONS, Role.WORKER),
    "changed_organizations": (Role.FUNCTIONS, Role.WORKER),
    "check_in_calm": (Role.FUNCTIONS, Role.INGEST),
    "check_in_careful": (Role.FUNCTIONS, Role.INGEST),
    "check_in_folded": (Role.FUNCTIONS, Role.INGEST),
    "check_in_group": (Role.FUNCTIONS, Role.INGEST),
    "check_in_lock": (Role.FUNCTIONS, Role.INGEST),
    "check_in_read": (Role.FUNCTIONS, Role.INGEST),
    "check_in_relayed": (Role.FUNCTIONS, Role.INGEST),
    "check_in_stepping": (Role.FUNCTIONS, Role.INGEST),
    "check_in_write": (Role.FUNCTIONS, Role.INGEST),
    "claim_deliveries": (Role.FUNCTIONS, Role.WORKER),
    "count_check_ins": (Role.FUNCTIONS, Role.WORKER),
    "drop_deliveries": (Role.FUNCTIONS, Role.WORKER),
    "due_hints": (Role.FUNCTIONS, Role.WORKER),
    "every_msp": (Role.FUNCTIONS, Role.WORKER),
    "every_organization": (Role.FUNCTIONS, Role.WORKER),
    "finish_organization": (Role.FUNCTIONS, Role.WORKER),
    "finish_release": (Role.FUNCTIONS, Role.WORKER),
    "follow": (Role.FUNCTIONS, Role.WORKER),
    "forget_hints": (Role.FUNCTIONS, Role.WORKER),
    "keep_partitions": (Role.PARTITIONS, Role.WORKER),
    "log_group": (Role.FUNCTIONS, Role.INGEST),
    "maintain_partitions": (Role.PARTITIONS, Role.WORKER),
    "matching_devices": (Role.FUNCTIONS, Role.API),
    "mend_texts": (Role.FUNCTIONS, Role.WORKER),
    "notice_releases": (Role.FUNCTIONS, Role.WORKER),
    "number_events": (Role.FUNCTIONS, Role.WORKER),
    "open_replays": (Role.FUNCTIONS, Role.WORKER),
    "organization_devices": (Role.FUNCTIONS, Role.WORKER),
    "orphaned_webhooks": (Role.FUNCTIONS, Role.WORKER),
    "outdated_devices": (Role.FUNCTIONS, Role.WORKER),
    "recount": (Role.FUNCTIONS, Role.WORKER),
    "relay_devices": (Role.FUNCTIONS, Role.INGEST),
    "replay_events": (Role.FUNCTIONS, Role.WORKER),
    "search_devices": (Role.FUNCTIONS, Role.API),
    "set_watermark": (Role.FUNCTIONS, Role.WORKER),
    "settle_deliveries": (Role.FUNCTIONS, Role.WORKER),
    "suspend_webhook": (Role.FUNCTIONS, Role.WORKER),
    "sweep_devices": (Role.FUNCTIONS, Role.WORKER),
    "sweep_pages": (Role.FUNCTIONS, Role.WORKER),
    "sweep_scan": (Role.FUNCTIONS, Role.WORKER),
    "unapplied_releases": (Role.FUNCTIONS, Role.WORKER),
    "waiting_events": (Role.FUNCTIONS, Role.WORKER),
    "waiting_tallies": (Role.FUNCTIONS, Role.WORKER),
    "waiting_webhooks": (Role.FUNCTIONS, Role.WORKER),
    "webhooks_behind": (Role.FUNCTIONS, Role.WORKER),
}

# With their callers' rights, whom the policies bind: who may execute each.
PLAIN = {
    "add_counts": {Role.FUNCTIONS},
    "adjust_devices": {Role.API, Role.FUNCTIONS},
    "device_facts": {Role.API, Role.FUNCTIONS},
    "device_trigrams": {Role.API, Role.FUNCTIONS},
    "is_calm": {Role.API, Role.FUNCTIONS},
    "is_current": {Role.API, Role.FUNCTIONS},
    "keep_texts": {Role.API, Role.FUNCTIONS},
    "minute_counts": {Role.FUNCTIONS},
    "move_device": {Role.API, Role.FUNCTIONS},
    "note_interest": {Role.API, Role.FUNCTIONS},
    "outage": {Role.API, Role.FUNCTIONS},
    "queue_again": {Role.FUNCTIONS},
    "queue_deliveries": {Role.FUNCTIONS},
    "queue_stretch": {Role.FUNCTIONS},
    "record_changes": {Role.API, Role.FUNCTIONS},
    "record_check_ins": {Role.API, Role.FUNCTIONS},
    "record_enrolled": {Role.API, Role.FUNCTIONS},
    "record_event": {Role.API, Role.FUNCTIONS},
    "record_outages": {Role.API, Role.FUNCTIONS},
    # The owner's, who alone publishes.
    "record_release": set(),
    "record_version": {Role.API, Role.FUNCTIONS},
    "remove_device": {Role.API, Role.FUNCTIONS},
    "resumed_at": {Role.API, Role.FUNCTIONS},
    "search_text": {Role.API, Role.FUNCTIONS},
    "status_is_fresh": {Role.API},
    "status_stage": {Role.API, Role.FUNCTIONS},
    "status_state": {Role.API, Role.FUNCTIONS},
    "status_walk": {Role.API, Role.FUNCTIONS},
    "tally_check_ins": {Role.FUNCTIONS},
}

# Of these, functions of their arguments alone; planned into the statements that call them.
PURE = {
    "add_counts",
    "device_trigrams",
    "is_calm",
    "minute_counts",
    "outage",
    "search_text",
    "status_stage",
    "status_state",
    "status_walk",
}


def executable_by(role: Role) -> set[str]:
    """The names of the functions a role may execute."""
    own = {name for name, (_, caller) in DEFINERS.items() if caller is role}
    return own | {name for name, callers in PLAIN.items() if role in callers}
