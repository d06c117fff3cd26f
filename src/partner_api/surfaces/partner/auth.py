"""A bearer token in, our Principal out; and how a route says what a caller must hold."""

from typing import Any, Final

from starlette.requests import Request

from partner_api.identity.secrets import KeyedToken, TokenKind, parse_keyed_token
from partner_api.identity.tokens import invalid_token
from partner_api.kernel.ids import ClientId
from partner_api.provisioning.enrollment import InvalidEnrollmentToken
from partner_api.surfaces.partner.services import Services
from partner_api.tenancy.principal import DevicePrincipal, Principal, Scope

OAUTH2: Final = "oauth2"
DEVICE_TOKEN: Final = "deviceToken"
ENROLLMENT_TOKEN: Final = "enrollmentToken"

PUBLIC: Final[dict[str, Any]] = {"openapi_extra": {"security": []}}
"""A route anybody may call."""
WITH_ANY_TOKEN: Final[dict[str, Any]] = {"openapi_extra": {"security": [{OAUTH2: []}]}}
"""A route any valid access token opens."""
FOR_DEVICES: Final[dict[str, Any]] = {"openapi_extra": {"security": [{DEVICE_TOKEN: []}]}}
"""A route for a device's own token; the route compares it where it writes."""
FOR_ENROLLING: Final[dict[str, Any]] = {"openapi_extra": {"security": [{ENROLLMENT_TOKEN: []}]}}
"""A route for an enrollment token; provisioning compares it."""


def requires(scope: Scope) -> dict[str, Any]:
    """A route only a token with `scope` opens; said once, for the check and the document."""
    return {"openapi_extra": {"security": [{OAUTH2: [scope.value]}]}}


async def authenticate(request: Request, services: Services) -> Principal:
    """The verified caller; Unauthenticated."""
    principal = services.tokens.verify(bearer(request.headers.get("authorization")))
    await services.liveness.require_enabled(principal)
    return principal


def device(authorization: str | None) -> DevicePrincipal:
    """What a device token claims; its hash is compared where it writes. Unauthenticated."""
    token: KeyedToken | None = parse_keyed_token(TokenKind.DEVICE, bearer(authorization))
    if token is None:
        raise invalid_token()
    return DevicePrincipal(token.msp_id, ClientId(token.row_id), token.hash)


def require_enrollment_token(request: Request) -> None:
    """Refuse a token that is none before the body is looked at; Unauthenticated.

    Whether it is a good one, provisioning finds out.
    """
    token = bearer(request.headers.get("authorization"))
    if parse_keyed_token(TokenKind.ENROLLMENT, token) is None:
        raise InvalidEnrollmentToken


def bearer(authorization: str | None) -> str:
    """The token in an Authorization header; Unauthenticated when there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise invalid_token()
    return token.strip()
