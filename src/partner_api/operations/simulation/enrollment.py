"""Letting the whole fleet in before it begins to check in."""

from collections import Counter
from collections.abc import Sequence

from partner_api.operations.simulation.client import Refused
from partner_api.operations.simulation.device import Device
from partner_api.operations.simulation.display import Display
from partner_api.operations.simulation.workers import each, every

_REFUSALS_TO_SAY = 3


class Enrollment:
    """Enrolls devices, some at a time, and says how far it is."""

    def __init__(self, devices: Sequence[Device], display: Display) -> None:
        self._devices = devices
        self._display = display
        self._new = 0
        self._enrolled: list[Device] = []
        self._refused = 0

    async def run(self) -> Sequence[Device]:
        """The devices that are in: those an earlier run enrolled, and the new ones."""
        async with every(self._display.seconds, lambda: self._display.show(self._progress())):
            await each(self._devices, self._enroll)
        self._display.say(self._summary())
        return self._enrolled

    async def _enroll(self, device: Device) -> None:
        was_enrolled = device.is_enrolled
        try:
            await device.ensure_enrolled()
        except Refused as refused:
            # Somebody may have moved it to another organization; the rest of the fleet goes on.
            self._refuse(device, refused)
            return
        self._enrolled.append(device)
        self._new += not was_enrolled

    def _refuse(self, device: Device, refused: Refused) -> None:
        self._refused += 1
        if self._refused <= _REFUSALS_TO_SAY:
            self._display.say(f"{device.planned.asset_id} stays out: {refused}")

    def _progress(self) -> str:
        return f"enrolled {len(self._enrolled)} of {len(self._devices)} devices"

    def _summary(self) -> str:
        planned = [device.planned for device in self._enrolled]
        organizations = len({each.organization for each in planned})
        kinds = Counter(each.kind for each in planned)
        most_first = sorted(kinds, key=lambda kind: (-kinds[kind], kind))
        shares = ", ".join(f"{kinds[kind]} {kind}" for kind in most_first)
        out = f", {self._refused} stay out" if self._refused else ""
        return (
            f"{len(planned)} devices in {organizations} organizations, {self._new} of them new"
            f"{out}: {shares}"
        )
