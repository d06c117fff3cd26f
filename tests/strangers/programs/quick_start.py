# mypy: ignore-errors
"""The quick start, written against the client that openapi-python-client generated."""

import json
import sys

from partner_api_client import AuthenticatedClient, Client
from partner_api_client.api.agents import check_in, enroll
from partner_api_client.api.authentication import create_token
from partner_api_client.api.devices import get_device, list_devices
from partner_api_client.api.enrollment_tokens import create_enrollment_token
from partner_api_client.api.msp import get_fleet_stats
from partner_api_client.api.organizations import create_organization, list_organizations
from partner_api_client.models import (
    CheckIn,
    CreateTokenBody,
    CreateTokenBodyGrantType,
    Enrollment,
    EnrollmentTokenCreate,
    Health,
    OrganizationCreate,
)

url, msp_id, client_id, client_secret = sys.argv[1:]

grant = CreateTokenBody(CreateTokenBodyGrantType.CLIENT_CREDENTIALS, client_id, client_secret)
token = create_token.sync(client=Client(url), body=grant)
client = AuthenticatedClient(url, token.access_token)

acme = create_organization.sync(client=client, body=OrganizationCreate("Acme Corp")).data
permission = create_enrollment_token.sync(
    acme.org_id, client=client, body=EnrollmentTokenCreate(max_uses=2)
).data
installer = AuthenticatedClient(url, permission.token)
facts = Enrollment("macOS", "arm64", "1.0.5.42", asset_id="ACME-MBP-0042")
seen = enroll.sync(client=installer, body=facts).data
silent = enroll.sync(client=installer, body=facts).data
agent = AuthenticatedClient(url, seen.device_token)
answer = check_in.sync(client=agent, body=CheckIn(sequence=1)).data

critical = list_devices.sync(client=client, status=Health.CRITICAL)
device = get_device.sync(seen.client_id, client=client).data
stats = get_fleet_stats.sync(msp_id, client=client).data
organizations = list_organizations.sync(client=client).data
json.dump(
    {
        "answer": answer.status,
        "critical": [str(found.client_id) for found in critical.data],
        "silent": str(silent.client_id),
        "checkIns": device.check_in_count,
        "lastSeen": device.last_seen.isoformat(),
        "stats": stats.to_dict(),
        "organizations": [(found.name, found.stats.total) for found in organizations],
    },
    sys.stdout,
)
