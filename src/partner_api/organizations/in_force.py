"""The settings in force, as organizations' rows hold them for whoever has no time to ask.

A row holds what was chosen for the organization, else what its MSP chose, else the server's. Who
changes what was chosen puts it in force in the same transaction; devices follow by and by
(`sweep.followers`), and until they do, their states are told from these rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CTE, Integer, func, literal, select, tuple_, update

from partner_api.kernel.ids import OrgId
from partner_api.organizations.models import Organization
from partner_api.settings import repository
from partner_api.settings.models import OrganizationSetting
from partner_api.settings.names import DEFAULTS, Setting, Values
from partner_api.tenancy.session import TenantSession

COLUMNS: Final[Mapping[Setting, str]] = {
    Setting.STREAMING: "streaming_seconds",
    Setting.ONLINE: "online_seconds",
    Setting.CRITICAL: "critical_seconds",
    Setting.OFFLINE_EVENT: "offline_event_seconds",
    # Null where nobody chose one: each server has its own.
    Setting.CHECK_IN_INTERVAL: "check_in_interval_seconds",
}

_TICK = timedelta(microseconds=1)
_CHANGED_AT: Final = "settings_changed_at"


async def inherited(session: TenantSession) -> Mapping[str, int | None]:
    """The columns of an organization for which nothing is chosen, until the transaction ends.

    Locks before everything else, so that a change of the MSP's settings either is seen here or
    waits and finds the organization.
    """
    await repository.keep_settings(session)
    msp = await repository.get_msp_values(session)
    return {column: _inherited(msp, setting) for setting, column in COLUMNS.items()}


async def put_in_force(
    session: TenantSession, msp: Values, org_id: OrgId | None, now: datetime
) -> None:
    """Put what is chosen in force, in one organization or in all of the MSP's, in one statement.

    Rows that hold it already stay untouched; the others ask for their devices to follow. The
    caller holds `settings.repository.lock_settings`.
    """
    differing = _differing(_chosen(), msp, org_id, now)
    changed = (
        update(Organization)
        .where(Organization.org_id == differing.c.org_id)
        .values({column: differing.c[column] for column in (*COLUMNS.values(), _CHANGED_AT)})
    )
    await session.execute(changed.execution_options(synchronize_session=False))


def _inherited(msp: Values, setting: Setting) -> int | None:
    return msp.get(setting, DEFAULTS.get(setting))


def _chosen() -> CTE:
    """What was chosen for organizations, a row each."""
    row = OrganizationSetting
    columns = [
        func.max(row.value).filter(row.name == setting).label(column)
        for setting, column in COLUMNS.items()
    ]
    return select(row.org_id, *columns).group_by(row.org_id).cte("chosen")


def _differing(chosen: CTE, msp: Values, org_id: OrgId | None, now: datetime) -> CTE:
    """Organizations whose rows hold something else, locked by key, with what they should hold."""
    # Later than a change that is still being followed: who finishes that one must not take this
    # one for finished, whatever the clocks of two servers say.
    changed_at = func.greatest(now, Organization.settings_changed_at + _TICK).label(_CHANGED_AT)
    wanted: Sequence[Any] = [
        func.coalesce(chosen.c[column], literal(_inherited(msp, setting), Integer)).label(column)
        for setting, column in COLUMNS.items()
    ]
    held = [getattr(Organization, column) for column in COLUMNS.values()]
    rows = (
        select(Organization.org_id, changed_at, *wanted)
        .outerjoin(chosen, chosen.c.org_id == Organization.org_id)
        .where(tuple_(*held).is_distinct_from(tuple_(*wanted)))
        .order_by(Organization.org_id)
        .with_for_update(of=Organization, key_share=True)
    )
    if org_id is not None:
        rows = rows.where(Organization.org_id == org_id)
    return rows.cte("differing")
