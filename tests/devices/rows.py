"""Devices as rows, for tests that need more of them, or older ones, than agents would make."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.facts import FACT_COLUMNS, FACT_NAMES, Facts, asset_sort, version_sort
from partner_api.devices.models import Device
from partner_api.kernel.ids import parse_org_id, uuid7
from tests.factories.tenants import FACTS, Tenant

_ENROLLED = text("select record_enrolled(:msp_id, :ids, :now)")
_SEEN = text("select adjust_devices(:msp_id, :ids, :now, 'check-in', :now)")


def device_row(
    tenant: Tenant, org_id: str, now: datetime, last_seen: datetime | None, **stated: str
) -> dict[str, Any]:
    """A device as enrolment and check-ins would have left it; facts are named as on the wire."""
    facts = _facts({**FACTS, "channel": "stable", **stated})
    return {
        "msp_id": tenant.msp_id,
        "client_id": uuid.uuid4(),
        "org_id": parse_org_id(org_id),
        "enrollment_id": uuid7(now),
        "enrolled_at": now,
        "token_hash": b"",
        "last_seen": last_seen,
        "check_in_count": 0 if last_seen is None else 1,
        "sequence_high": None,
        "sequence_window": 0,
        "facts_digest": None,
        "facts_stated": 0,
        "facts_at": None,
        "version_sort": version_sort(facts),
        "asset_sort": asset_sort(facts),
        **dict(zip(FACT_COLUMNS, facts, strict=True)),
    }


async def insert_devices(owner: AsyncEngine, rows: Iterable[Mapping[str, Any]]) -> None:
    found = list(rows)
    now = max(row["enrolled_at"] for row in found)
    async with owner.begin() as connection:
        await connection.execute(insert(Device), found)
        for msp_id in {row["msp_id"] for row in found}:
            every = [row["client_id"] for row in found if row["msp_id"] == msp_id]
            # In parts, as enrolments come: a statement's time is limited here too.
            for start in range(0, len(every), 500):
                settled = {"msp_id": msp_id, "ids": every[start : start + 500], "now": now}
                await connection.execute(_ENROLLED, settled)
                await connection.execute(_SEEN, settled)


def _facts(stated: Mapping[str, str]) -> Facts:
    return tuple(stated.get(name) for name in FACT_NAMES)
