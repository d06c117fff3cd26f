"""Many devices fall silent at once, after a time in which nothing happened."""

import pytest

from tests.factories.tenants import Tenant
from tests.webhooks.post import Post

QUEUES = ("event_inbox", "webhook_outbox")
_MANY = """
    insert into event_inbox (msp_id, type, happened_at, client_id, data)
    select $1, 'device.offline', $2, gen_random_uuid(), '{"device": {}}'
      from generate_series(1, $3::integer)"""


@pytest.fixture
async def quiet(post: Post) -> None:
    """Nothing waits, and the database knows it."""
    for queue in QUEUES:
        await post.owner.execute(f"delete from {queue}")
        await post.owner.execute(f"vacuum analyze {queue}")


@pytest.mark.usefixtures("quiet")
async def test_what_was_planned_while_nothing_waited_serves_a_burst(
    post: Post, tenant: Tenant
) -> None:
    webhook_id = await post.add_webhook(tenant, "http://hooks.test/")
    await post.log.add(tenant, "device.offline")
    await post.owner.execute(_MANY, tenant.msp_id, post.clock.now(), 8000)
    # A turn that took as long as a statement may would number nothing.
    await post.log.number()
    assert len(await post.queued(webhook_id)) == 8001
