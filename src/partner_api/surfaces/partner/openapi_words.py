"""What the OpenAPI document says in words, for somebody who reads it in Postman."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from partner_api.surfaces.partner import specimens, wire

INTRODUCTION: Final = """\
Fleet management for managed service providers (MSPs): your customers' organizations, their devices,
and how each of them fares.

## Start here

1. `POST /oauth/token` exchanges your client id and secret for an access token of one hour.
2. Send it with every call as `Authorization: Bearer <token>`. When an answer is 401, get a new one.
3. `GET /v1/devices?status=critical` is what needs attention.

In Postman, import this document with *Always inherit authentication* on and *Enable optional
parameters* off. Then put the token into the collection's Authorization tab, and every request has
it; those of agents want tokens of their own.

## Ids and instants

Ids look like `msp_<uuid>`, `org_<uuid>` and, for devices, a bare UUID named `clientId`. Your MSP's
id is in the token's claim `msp_id`. Instants are RFC 3339 with a zone, and we answer in UTC.

## Lists

A list shows up to `limit` rows; `meta.total` counts all that match. While there are more,
`meta.nextCursor` is there: send it as `cursor`, with the same filters and sort, for the next page.
The `Link` header carries the same address.

## Status

A device is `healthy` when it was seen within the hour and runs the current version, `critical` when
it was not seen for a day or never, and `warning` otherwise. It is `streaming` when it was seen less
than five minutes ago, `idle` up to an hour, then `offline`. Both are computed as you ask. The five
minutes, the hour and the day are settings: `PATCH /v1/msp/settings` changes them for your fleet,
`PATCH /v1/organizations/{orgId}/settings` for one organization.

## Errors

Every error is `{"error": "<phrase>", "message": "<what to do>"}`. After 429 and 503 wait for
`Retry-After` seconds. Every answer has an `X-Request-Id`; name it when you ask us about one.

## Agents

A device enrolls with an enrollment token of its organization and gets a token of its own, with
which it posts check-ins and logs.
"""

TAGS: Final = [
    {"name": "Authentication", "description": "Client id and secret in, access token out."},
    {"name": "Credentials", "description": "The client id you call with, and a new secret for it."},
    {"name": "MSP", "description": "Your own account: the fleet's figures, and who logged in."},
    {"name": "Organizations", "description": "Your customers, each with its devices' figures."},
    {
        "name": "Settings",
        "description": "What holds for your fleet, and for one organization differently.",
    },
    {
        "name": "Enrollment tokens",
        "description": "Permissions for devices to join an organization.",
    },
    {"name": "Devices", "description": "The devices themselves: find, look, tag, move, remove."},
    {"name": "Analytics", "description": "The fleet in figures: what it runs, how it fared."},
    {"name": "Agents", "description": "What the program on a device calls, with its own token."},
    {"name": "Relay", "description": "Check-ins you pass on for devices that do not call us."},
    {"name": "Events", "description": "What happened, in order: to read, to wait for, to stream."},
    {"name": "Webhooks", "description": "What happened, posted to addresses of your own."},
    {"name": "Service", "description": "Whether this server is there and ready. Open to anybody."},
]

SCOPES: Final = {
    "fleet:read": "Devices, logs, statistics and members",
    "analytics:read": "Analytics",
    "orgs:read": "Organizations",
    "orgs:write": "Every change of the MSP's own data",
}

ACCESS_TOKEN: Final = "An access token of one hour for your client id and secret."
DEVICE_TOKEN: Final = "`nwx_dt_…`, given to a device when it enrolls."
ENROLLMENT_TOKEN: Final = "`nwx_et_…`, made for one organization."

SUCCESSES: Final = {"201": "Created", "202": "Accepted", "204": "Done; the body is empty"}


class Refusal(NamedTuple):
    """How an error status reads in the document."""

    description: str
    message: str


REFUSALS: Final[Mapping[str, Refusal]] = {
    "400": Refusal(
        "A parameter or the body is wrong; the message names it and what is allowed",
        "limit: Input should be less than or equal to 1000",
    ),
    "401": Refusal(
        "No token, or one that is invalid or expired: get a new one",
        "Invalid or expired token",
    ),
    "403": Refusal(
        "The token lacks the scope, or belongs to another MSP",
        "This token lacks the scope orgs:write",
    ),
    "404": Refusal("Your MSP has no such thing: check the ids", "Device not found"),
    "408": Refusal(
        "The body took more than a minute to arrive", "The body took too long to arrive"
    ),
    "413": Refusal("The body is too large", "The body may have 1048576 bytes"),
    "415": Refusal("The body is not JSON", "Send the body as application/json"),
    "500": Refusal(
        "Something went wrong on our side: try again, later each time",
        "Something went wrong on our side; please report it with this answer's X-Request-Id",
    ),
    "503": Refusal(
        "The database is away or the server is busy; try again after Retry-After seconds",
        "The database is not available; try again shortly",
    ),
}

PATH_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "mspId": {"description": "Your MSP: the token's claim `msp_id`.", "schema": wire.MSP_ID},
    "orgId": {"description": "One of your organizations.", "schema": wire.ORG_ID},
    "clientId": {"description": "One of your devices; case is ignored.", "schema": wire.CLIENT_ID},
    "webhookId": {
        "description": "A webhook's `id`.",
        "schema": {"type": "string", "format": "uuid", "examples": [specimens.WEBHOOK_ID]},
    },
    "deliveryId": {
        "description": "A delivery's `id`.",
        "schema": wire.DELIVERY_ID,
    },
    "tokenId": {
        "description": "An enrollment token's `id`.",
        "schema": {
            "type": "string",
            "format": "uuid",
            "examples": [specimens.ENROLLMENT_TOKEN_ID],
        },
    },
}
