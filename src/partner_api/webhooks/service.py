"""Webhooks: made, changed, deleted, given another secret, resumed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Conflict, NotFound
from partner_api.kernel.ids import MspId, uuid7
from partner_api.organizations.service import keep_organization
from partner_api.tenancy.session import TenantSession
from partner_api.webhooks import repository
from partner_api.webhooks.models import Webhook
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.signing import new_signing_secret
from partner_api.webhooks.types import NewSecret, WebhookChange, WebhookDraft

MOST_WEBHOOKS = 100
"""How many an MSP may have."""
DEFAULT_OVERLAP = timedelta(days=1)
LONGEST_OVERLAP = timedelta(days=7)


class WebhookNotFound(NotFound):
    """No such webhook in the caller's MSP."""

    def __init__(self) -> None:
        super().__init__("Webhook not found")


class TooManyWebhooks(Conflict):
    """The MSP has as many webhooks as it may."""

    def __init__(self) -> None:
        super().__init__(f"You have {MOST_WEBHOOKS} webhooks already; delete one of them first")


class WebhookNotActive(Conflict):
    """The webhook is disabled or suspended, so nothing is delivered to it."""

    def __init__(self, webhook: Webhook) -> None:
        remedy = "suspended; resume it first" if webhook.is_enabled else "disabled; enable it first"
        super().__init__(f"The webhook is {remedy}")


async def list_webhooks(session: TenantSession) -> Sequence[Webhook]:
    """The MSP's webhooks, oldest first."""
    return await repository.list_webhooks(session)


async def require_webhook(session: TenantSession, webhook_id: UUID) -> Webhook:
    """One of the MSP's webhooks; WebhookNotFound."""
    return _found(await repository.get_webhook(session, webhook_id))


async def require_active_webhook(session: TenantSession, webhook_id: UUID) -> Webhook:
    """A webhook that is delivered to, alone until the transaction ends.

    WebhookNotFound, WebhookNotActive.
    """
    webhook = _found(await repository.get_webhook_for_update(session, webhook_id))
    if not webhook.is_enabled or webhook.suspended_at is not None:
        raise WebhookNotActive(webhook)
    return webhook


async def create_webhook(
    session: TenantSession, draft: WebhookDraft, sealer: Sealer, clock: Clock
) -> NewSecret:
    """Add a webhook, which hears of what happens from now on.

    OrganizationNotFound, TooManyWebhooks.
    """
    await repository.lock_webhooks(session)
    if draft.org_id is not None:
        await keep_organization(session, draft.org_id)
    if await repository.count_webhooks(session) >= MOST_WEBHOOKS:
        raise TooManyWebhooks
    now = clock.now()
    webhook_id, secret = uuid7(now), new_signing_secret()
    webhook = Webhook(
        webhook_id=webhook_id,
        url=draft.url,
        events=list(draft.events),
        org_id=draft.org_id,
        description=draft.description,
        is_enabled=draft.is_enabled,
        sealed_secret=sealer.seal(secret, session.msp_id, webhook_id),
        created_at=now,
    )
    session.add(webhook)
    await repository.note_interest(session)
    return NewSecret(webhook, secret)


async def change_webhook(
    session: TenantSession, webhook_id: UUID, change: WebhookChange, clock: Clock
) -> Webhook:
    """Change a webhook; WebhookNotFound, OrganizationNotFound.

    One that is enabled, or has another address, begins anew: what failed before does not count, and
    what is queued is due.
    """
    webhook = _found(await repository.get_webhook_for_update(session, webhook_id))
    org_id = change.get("org_id")
    if org_id is not None:
        await keep_organization(session, org_id)
    is_another = "url" in change and change["url"] != webhook.url
    is_enabled_now = change.get("is_enabled", False) and not webhook.is_enabled
    for name, value in change.items():
        setattr(webhook, name, value)
    if is_another or is_enabled_now:
        await _begin_anew(session, webhook, clock.now())
    await repository.note_interest(session)
    return webhook


async def resume_webhook(session: TenantSession, webhook_id: UUID, clock: Clock) -> Webhook:
    """Deliver to a suspended webhook again, what is queued first; WebhookNotFound.

    What happened while it was suspended follows by itself. One that is not suspended stays as it
    is.
    """
    webhook = _found(await repository.get_webhook_for_update(session, webhook_id))
    if webhook.suspended_at is not None:
        webhook.suspended_at = None
        await _begin_anew(session, webhook, clock.now())
        await repository.note_interest(session)
    return webhook


async def rotate_secret(
    session: TenantSession, webhook_id: UUID, overlap: timedelta, sealer: Sealer, clock: Clock
) -> NewSecret:
    """Give a webhook another secret; WebhookNotFound.

    The one before signs beside it until `overlap` has passed, and any older one no longer.
    """
    webhook = _found(await repository.get_webhook_for_update(session, webhook_id))
    secret = new_signing_secret()
    webhook.previous_sealed_secret = webhook.sealed_secret if overlap else None
    webhook.previous_until = clock.now() + overlap if overlap else None
    webhook.sealed_secret = sealer.seal(secret, session.msp_id, webhook_id)
    return NewSecret(webhook, secret)


async def delete_webhook(session: TenantSession, webhook_id: UUID) -> None:
    """Delete a webhook; nothing more is delivered to it. WebhookNotFound."""
    if not await repository.delete_webhook(session, webhook_id):
        raise WebhookNotFound
    await repository.note_interest(session)


async def reseal_secrets(session: TenantSession, sealer: Sealer, clock: Clock) -> int:
    """Have the MSP's secrets need the newest key only; tells for how many webhooks they did not.

    Misconfigured, and nothing is changed, when one of them cannot be opened.
    """
    webhooks = await repository.list_webhooks_for_update(session)
    return sum([_reseal(webhook, sealer, clock.now()) for webhook in webhooks])


def signing_secrets(webhook: Webhook, sealer: Sealer, now: datetime) -> Sequence[str]:
    """The secrets that sign for a webhook now, the newest first; Misconfigured."""
    sealed = [webhook.sealed_secret]
    if webhook.previous_sealed_secret is not None and overlaps_until(webhook, now) is not None:
        sealed.append(webhook.previous_sealed_secret)
    msp_id = MspId(webhook.msp_id)
    return [sealer.open(each, msp_id, webhook.webhook_id) for each in sealed]


def overlaps_until(webhook: Webhook, now: datetime) -> datetime | None:
    """Until when two secrets sign; None when one does."""
    until = webhook.previous_until
    return until if until is not None and now < until else None


def _reseal(webhook: Webhook, sealer: Sealer, now: datetime) -> bool:
    stored = (webhook.sealed_secret, webhook.previous_sealed_secret)
    if all(sealed is None or sealer.is_newest(sealed) for sealed in stored):
        return False
    if overlaps_until(webhook, now) is None:
        # It signs no more, and its key may be gone.
        webhook.previous_sealed_secret = webhook.previous_until = None
    msp_id, webhook_id = MspId(webhook.msp_id), webhook.webhook_id
    newest, *previous = signing_secrets(webhook, sealer, now)
    webhook.sealed_secret = sealer.seal(newest, msp_id, webhook_id)
    for secret in previous:
        webhook.previous_sealed_secret = sealer.seal(secret, msp_id, webhook_id)
    return True


async def _begin_anew(session: TenantSession, webhook: Webhook, now: datetime) -> None:
    webhook.failing_since = None
    await repository.hasten_all(session, webhook.webhook_id, now)


def _found(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise WebhookNotFound
    return webhook
