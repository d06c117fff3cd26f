"""A client without a network, which does not really sleep."""

from collections.abc import Callable
from random import Random

import httpx
import pytest

from partner_api.operations.simulation.client import Client
from tests.operations.simulation.support import Handler, Pauses


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def connect(pauses: Pauses) -> Callable[..., Client]:
    def connect(server: Handler) -> Client:
        http = httpx.AsyncClient(
            base_url="http://fleet.example", transport=httpx.MockTransport(server)
        )
        return Client(http, Random(1), pauses)

    return connect
