"""The worker, away for a whole test."""

from collections.abc import Iterator

import pytest

from tests.worker import Worker


@pytest.fixture
def absent(worker: Worker) -> Iterator[Worker]:
    """The worker, away until the test is over: nothing is recorded unless it is asked to."""
    worker.is_away = True
    yield worker
    worker.is_away = False


@pytest.fixture(params=["there", "away"])
def either(request: pytest.FixtureRequest, worker: Worker) -> Iterator[Worker]:
    """The worker, once there and once away: no answer may depend on it."""
    worker.is_away = request.param == "away"
    yield worker
    worker.is_away = False
