"""How much of a worker each MSP may have."""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import count

from partner_api.kernel.ids import MspId

_SHARE = 4


class Slots:
    """A number of slots, of which each MSP holds no more than a quarter of what others leave.

    So a few that hold theirs as long as they can leave room for the next, and for the one after it.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._held: Counter[MspId] = Counter()
        self._served: dict[MspId, int] = {}
        self._turns = count(1)

    @property
    def is_full(self) -> bool:
        """Whether nobody can take a slot."""
        return self._free == 0

    def room(self, msp_id: MspId) -> int:
        """How many slots an MSP may take now."""
        held = self._held[msp_id]
        return min(self._free, max(1, (self._free + held) // _SHARE) - held)

    def take(self, msp_id: MspId, slots: int) -> None:
        """Take slots, for which there was room."""
        self._free -= slots
        self._held[msp_id] += slots
        self._served[msp_id] = next(self._turns)

    def leave(self, msp_id: MspId, slots: int) -> None:
        """Give slots back."""
        self._free += slots
        self._held[msp_id] -= slots
        if not self._held[msp_id]:
            del self._held[msp_id]

    def in_turn(self, msp_ids: Collection[MspId]) -> Sequence[MspId]:
        """All MSPs that want slots now, who took some longest ago first."""
        self._served = {each: self._served.get(each, 0) for each in msp_ids}
        return sorted(msp_ids, key=lambda each: self._served[each])
