"""Ids in paths: what is malformed was never found."""

from uuid import UUID

from partner_api.devices.service import DeviceNotFound
from partner_api.kernel.ids import ClientId, OrgId, parse_client_id, parse_org_id, parse_uuid
from partner_api.organizations.service import OrganizationNotFound
from partner_api.webhooks.deliveries import DeliveryNotFound
from partner_api.webhooks.service import WebhookNotFound
from partner_api.webhooks.types import parse_delivery_id


def org_id_in_path(text: str) -> OrgId:
    """The organization a path names; OrganizationNotFound when malformed."""
    org_id = parse_org_id(text)
    if org_id is None:
        raise OrganizationNotFound
    return org_id


def client_id_in_path(text: str) -> ClientId:
    """The device a path names; DeviceNotFound when malformed."""
    client_id = parse_client_id(text)
    if client_id is None:
        raise DeviceNotFound
    return client_id


def webhook_id_in_path(text: str) -> UUID:
    """The webhook a path names; WebhookNotFound when malformed."""
    webhook_id = parse_uuid(text)
    if webhook_id is None:
        raise WebhookNotFound
    return webhook_id


def delivery_position_in_path(text: str) -> int:
    """The place of the event whose delivery a path names; DeliveryNotFound when malformed."""
    position = parse_delivery_id(text)
    if position is None:
        raise DeliveryNotFound
    return position
