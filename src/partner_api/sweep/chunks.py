"""Many devices to a transaction, and one that cannot be written alone."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg

from partner_api.database.pools import DATABASE_AWAY

AT_ONCE = 1000

Device = TypeVar("Device")

_logger = logging.getLogger(__name__)


async def in_halves(
    write: Callable[[Sequence[Device]], Awaitable[int]], devices: Sequence[Device]
) -> int:
    """What `write` returns; when the database refuses, each half by itself.

    A device that is refused alone is left out and named in the log, so that it holds up no other.
    """
    try:
        return await write(devices)
    except DATABASE_AWAY:
        raise
    except asyncpg.PostgresError as error:
        if len(devices) == 1:
            _logger.error("Device %s cannot be moved: %s", devices[0], error)  # noqa: TRY400
            return 0
    middle = len(devices) // 2
    return await in_halves(write, devices[:middle]) + await in_halves(write, devices[middle:])
