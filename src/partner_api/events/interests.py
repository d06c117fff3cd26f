"""Who wants to hear of check-ins, which are recorded only while somebody does."""

from datetime import datetime, timedelta

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from partner_api.events.models import EventInterest
from partner_api.kernel.clock import Clock
from partner_api.kernel.fairness import FairGate
from partner_api.kernel.ids import MspId
from partner_api.tenancy.tenancy import Tenancy

AHEAD = timedelta(minutes=30)
"""How long after somebody asked check-ins are recorded, at least."""
_AT_MOST_EVERY = timedelta(minutes=5)


class Interests:
    """Keeps an MSP's interest alive for whoever asks again within half an hour."""

    def __init__(self, tenancy: Tenancy, gate: FairGate, clock: Clock) -> None:
        self._tenancy = tenancy
        self._gate = gate
        self._clock = clock
        self._kept: dict[MspId, datetime] = {}

    async def keep(self, msp_id: MspId) -> None:
        """Note that somebody wants to hear of the MSP's check-ins; Unavailable."""
        now = self._clock.now()
        kept_until = self._kept.get(msp_id)
        # A clock that was set back does not make an interest of the future.
        if kept_until is None or not AHEAD <= kept_until - now <= AHEAD + _AT_MOST_EVERY:
            until = now + AHEAD + _AT_MOST_EVERY
            async with self._gate.turn(msp_id):
                await self._write(msp_id, until)
            self._forget(now)
            self._kept[msp_id] = until

    async def _write(self, msp_id: MspId, until: datetime) -> None:
        interest = insert(EventInterest).values(msp_id=msp_id, source="followers", until=until)
        later = func.greatest(EventInterest.until, interest.excluded.until)
        async with self._tenancy.session(msp_id) as session:
            await session.execute(
                interest.on_conflict_do_update(
                    index_elements=[EventInterest.msp_id, EventInterest.source],
                    set_={"until": later},
                )
            )
            await session.commit()

    def _forget(self, now: datetime) -> None:
        self._kept = {msp_id: until for msp_id, until in self._kept.items() if until > now}
