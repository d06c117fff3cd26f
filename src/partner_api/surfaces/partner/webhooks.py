"""Webhooks: addresses of an MSP's own that events are posted to."""

from datetime import timedelta
from typing import Annotated

from fastapi import Body
from starlette.responses import Response

from partner_api.surfaces.partner import webhook_mapping as mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.event_mapping import webhook_test_json
from partner_api.surfaces.partner.ids import webhook_id_in_path
from partner_api.surfaces.partner.openapi import refuses
from partner_api.surfaces.partner.routing import CurrentCall, WaitingRoute, partner_router
from partner_api.surfaces.partner.schemas import Total
from partner_api.surfaces.partner.webhook_schemas import (
    DeliveryOutcomeRead,
    SecretRotate,
    WebhookCreate,
    WebhookRead,
    WebhooksRead,
    WebhookUpdate,
    WebhookWithSecretRead,
)
from partner_api.tenancy.principal import Scope
from partner_api.webhooks import service
from partner_api.webhooks.testing import TESTS_AT_ONCE
from partner_api.webhooks.types import WebhookDraft

router = partner_router("Webhooks")
waiting_router = partner_router("Webhooks", WaitingRoute)
"""Those that look up addresses or wait for receivers, which may be slow on purpose."""

_PATH = "/v1/webhooks"
_ONE = "/v1/webhooks/{webhookId}"

_TOO_MANY = refuses(
    409,
    "You have as many as you may",
    f"You have {service.MOST_WEBHOOKS} webhooks already; delete one of them first",
)
_NO_ORGANIZATION = refuses(404, "`orgId` is none of yours", "Organization not found")
_TOO_MANY_TESTS = refuses(
    429,
    "Other tests of yours are under way",
    f"{TESTS_AT_ONCE} tests of your webhooks are under way already; let one of them end",
)


@router.get(
    _PATH,
    summary="List webhooks",
    response_model_exclude_none=True,
    **requires(Scope.FLEET_READ),
)
async def list_webhooks(call: CurrentCall) -> WebhooksRead:
    """All webhooks, oldest first."""
    rows, now = await service.list_webhooks(call.session), call.clock.now()
    return WebhooksRead(
        data=[mapping.webhook(row, now) for row in rows], meta=Total(total=len(rows))
    )


@waiting_router.post(
    _PATH,
    summary="Create a webhook",
    status_code=201,
    response_model_exclude_none=True,
    responses=_NO_ORGANIZATION | _TOO_MANY,
    **requires(Scope.ORGS_WRITE),
)
async def create_webhook(
    call: CurrentCall, response: Response, body: WebhookCreate
) -> WebhookWithSecretRead:
    """Have events posted to an address of yours, from now on. Its secret is shown this once."""
    response.headers["Cache-Control"] = "no-store"
    url = await call.services.webhook_registration.require_url(call.principal.msp_id, body.url)
    draft = WebhookDraft(url, body.events, body.description, body.org_id, body.enabled)
    async with call.unit_of_work() as session:
        new = await service.create_webhook(session, draft, call.services.sealer, call.clock)
    return WebhookWithSecretRead(data=mapping.webhook_with_secret(new, call.clock.now()))


@router.get(
    _ONE,
    summary="Get a webhook",
    response_model_exclude_none=True,
    **requires(Scope.FLEET_READ),
)
async def get_webhook(call: CurrentCall, webhookId: str) -> WebhookRead:
    """One webhook, without its secret."""
    row = await service.require_webhook(call.session, webhook_id_in_path(webhookId))
    return WebhookRead(data=mapping.webhook(row, call.clock.now()))


@waiting_router.patch(
    _ONE,
    summary="Change a webhook",
    response_model_exclude_none=True,
    **requires(Scope.ORGS_WRITE),
)
async def update_webhook(
    call: CurrentCall,
    webhookId: str,
    body: WebhookUpdate,
) -> WebhookRead:
    """Change a webhook. What is queued for it stays, and goes to the address it has by then.

    What happens while it is disabled is not queued; replay it if you want it.
    """
    webhook_id = webhook_id_in_path(webhookId)
    url = None
    if "url" in body.model_fields_set:
        url = await call.services.webhook_registration.require_url(call.principal.msp_id, body.url)
    change = mapping.webhook_change(body, url)
    async with call.unit_of_work() as session:
        row = await service.change_webhook(session, webhook_id, change, call.clock)
    return WebhookRead(data=mapping.webhook(row, call.clock.now()))


@router.delete(_ONE, summary="Delete a webhook", status_code=204, **requires(Scope.ORGS_WRITE))
async def delete_webhook(call: CurrentCall, webhookId: str) -> None:
    """Delete a webhook and everything queued for it."""
    await service.delete_webhook(call.session, webhook_id_in_path(webhookId))


@router.post(
    _ONE + "/rotate-secret",
    summary="Replace a webhook's secret",
    response_model_exclude_none=True,
    **requires(Scope.ORGS_WRITE),
)
async def rotate_webhook_secret(
    call: CurrentCall,
    response: Response,
    webhookId: str,
    body: Annotated[SecretRotate | None, Body()] = None,
) -> WebhookWithSecretRead:
    """Replace the signing secret; the new one is shown this once.

    For a day, or as long as `overlapSeconds` says, both sign; with 0 the old one ends at once.
    """
    response.headers["Cache-Control"] = "no-store"
    overlap = timedelta(seconds=(body or SecretRotate()).overlap_seconds)
    new = await service.rotate_secret(
        call.session, webhook_id_in_path(webhookId), overlap, call.services.sealer, call.clock
    )
    return WebhookWithSecretRead(data=mapping.webhook_with_secret(new, call.clock.now()))


@waiting_router.post(
    _ONE + "/test",
    summary="Test a webhook",
    response_model_exclude_none=True,
    responses=_TOO_MANY_TESTS,
    **requires(Scope.ORGS_WRITE),
)
async def test_webhook(call: CurrentCall, webhookId: str) -> DeliveryOutcomeRead:
    """Post a signed message of type `webhook.test` now, enabled or not, and tell what came of it.

    Answers within 15 seconds. The message is no event, and is not tried again.
    """
    webhook_id = webhook_id_in_path(webhookId)
    tester = call.services.webhook_tester
    with tester.place(call.principal.msp_id):
        async with call.unit_of_work() as session:
            target = await tester.require_target(session, webhook_id)
        body = webhook_test_json(target, call.clock.now())
        outcome = await tester.send(target, body)
    return DeliveryOutcomeRead(data=mapping.outcome(outcome))


@router.post(
    _ONE + "/resume",
    summary="Resume a suspended webhook",
    response_model_exclude_none=True,
    **requires(Scope.ORGS_WRITE),
)
async def resume_webhook(call: CurrentCall, webhookId: str) -> WebhookRead:
    """Deliver again, what is queued at once; what happened meanwhile follows by itself.

    A webhook that is not suspended stays as it is.
    """
    row = await service.resume_webhook(call.session, webhook_id_in_path(webhookId), call.clock)
    return WebhookRead(data=mapping.webhook(row, call.clock.now()))
