"""SQLAlchemy sessions that know their tenant.

A session refuses to work without one. With one it narrows every ORM read, update and delete to
the tenant, stamps new rows, and tells Postgres who is asking when a transaction begins.
"""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, with_loader_criteria

from partner_api.kernel.ids import MspId
from partner_api.tenancy.models import MspOwned


class BoundSession(Session):
    """The synchronous half, which the events below listen to."""

    @property
    def msp_id(self) -> MspId:
        """The tenant; raises LookupError when none was bound."""
        try:
            msp_id: MspId = self.info["msp_id"]
        except KeyError:
            raise LookupError("this session is bound to no MSP") from None
        return msp_id


class TenantSession(AsyncSession):
    """A unit of work within one MSP; whoever opened it commits."""

    sync_session_class = BoundSession
    sync_session: BoundSession

    @property
    def msp_id(self) -> MspId:
        """The tenant this session is bound to."""
        return self.sync_session.msp_id


def tenant_session(engine: AsyncEngine, msp_id: MspId) -> TenantSession:
    """A new session on `engine`, bound to `msp_id`; takes a connection when first used."""
    return TenantSession(engine, expire_on_commit=False, info={"msp_id": msp_id})


@event.listens_for(BoundSession, "after_begin")
def _tell_postgres(
    session: BoundSession, _transaction: SessionTransaction, connection: Connection
) -> None:
    # SET takes no bind parameter; an MspId is a UUID object, so its text is safe by construction.
    connection.exec_driver_sql(f"set local app.msp_id = '{session.msp_id}'")


@event.listens_for(BoundSession, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> None:
    session = state.session
    assert isinstance(session, BoundSession)
    msp_id = session.msp_id
    state.statement = state.statement.options(
        with_loader_criteria(MspOwned, lambda model: model.msp_id == msp_id, include_aliases=True)
    )


@event.listens_for(BoundSession, "before_flush")
def _stamp(session: BoundSession, *_: Any) -> None:
    for row in session.new:
        if not isinstance(row, MspOwned):
            continue
        if row.msp_id is None:
            row.msp_id = session.msp_id
        elif row.msp_id != session.msp_id:
            raise LookupError("a row of another MSP was added to this session")
