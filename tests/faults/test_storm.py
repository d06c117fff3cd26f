"""What is promised when processes die and networks fail.

No answered check-in is lost, none counts twice.
"""

import sys

import pytest

from tests.blackbox.server import Integrator, Server
from tests.faults.audit import Audit
from tests.faults.fleet import Fleet
from tests.faults.storm import TROUBLES, Outcome, weather


def test_a_short_storm_loses_no_answered_check_in_and_counts_none_twice(
    server: Server, integrator: Integrator
) -> None:
    fleet = Fleet(integrator, size=12, pause_seconds=0.05)
    outcome = weather(server, integrator, fleet, kills=4, calm_seconds=0.1)
    assert_nothing_lost(outcome)


@pytest.mark.faults
def test_a_long_storm_loses_no_answered_check_in_and_counts_none_twice(
    server: Server, integrator: Integrator, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = Fleet(integrator, size=200, pause_seconds=0.5)
    outcome = weather(server, integrator, fleet, kills=50, calm_seconds=2.5)
    with capsys.disabled():
        sys.stdout.write(f"\n{outcome.as_row()}\n{outcome}\n")
    assert_nothing_lost(outcome)
    assert outcome.troubles.keys() == set(TROUBLES)
    assert outcome.repeated > 0, "no answer was lost, so nothing was tried"


def assert_nothing_lost(outcome: Outcome) -> None:
    assert outcome.audit == Audit(missing=0, double=0), outcome
    assert outcome.answered > outcome.devices, outcome
    assert outcome.statuses.keys() <= {200, 503}, outcome
