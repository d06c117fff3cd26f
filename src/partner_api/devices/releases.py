"""Releases: which version a device should run. Global, and the operator's to publish."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from partner_api.devices import repository
from partner_api.devices.facts import check_fact
from partner_api.devices.models import Release
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Conflict
from partner_api.status.versions import version_sort_key


async def publish_release(
    owner: AsyncConnection, channel: str, version: str, os: str | None, clock: Clock
) -> None:
    """Publish a version for a channel, and for one operating system or for all.

    From now on devices of that channel (and system) that run an older one are outdated. Conflict
    when it was published before; Invalid for an empty or unprintable name.
    """
    for name, value in (("channel", channel), ("currentVersion", version), ("os", os)):
        if value is not None:
            check_fact(name, value)
    release = Release(
        channel=channel,
        # ASCII letters only, like lower() under COLLATE "C", which devices are compared with.
        os=(os or "").encode().lower().decode(),
        version=version,
        version_sort=version_sort_key(version),
        published_at=clock.now(),
    )
    if not await repository.insert_release(owner, release):
        raise Conflict(f"{version} is already published for channel {channel!r}")
    await repository.record_release(owner, release)


async def list_releases(owner: AsyncConnection) -> Sequence[Release]:
    """Every release, newest version first within its channel and operating system."""
    return await repository.list_releases(owner)
