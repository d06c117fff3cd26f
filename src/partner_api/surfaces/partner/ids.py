"""Ids in paths: what is malformed was never found."""

from partner_api.devices.service import DeviceNotFound
from partner_api.kernel.ids import ClientId, OrgId, parse_client_id, parse_org_id
from partner_api.organizations.service import OrganizationNotFound


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
