"""What reading much may cost: how long answers serve all who ask, and how many are made at once."""

from partner_api.kernel.fairness import FairGate

REMEMBERED_SECONDS = 5.0
AT_ONCE = 1
"""So many reads of one process may look at all of an MSP's devices, steps or samples at a time."""
PATIENCE_SECONDS = 4.0


def slow_gate() -> FairGate:
    """One for all such reads of a process."""
    return FairGate(AT_ONCE, PATIENCE_SECONDS)
