"""Access tokens: JSON Web Tokens we sign and verify ourselves, HS256 and our own keys only."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt

from partner_api.config import SecretKey
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Unauthenticated
from partner_api.kernel.ids import format_msp_id, parse_msp_id
from partner_api.kernel.text import decode_base64url
from partner_api.tenancy.principal import Principal, Scope

LIFETIME = timedelta(hours=1)
ISSUER = AUDIENCE = "partner-api"
_ALGORITHM = "HS256"
_CLAIMS = ["msp_id", "scopes", "iss", "sub", "aud", "iat", "exp", "jti"]
_REMEMBERED = 10_000


class AccessTokens:
    """Signs tokens with the ring's first key; verifies with any, and remembers what it verified."""

    def __init__(self, ring: Sequence[SecretKey], clock: Clock) -> None:
        self._ring = {key.kid: key.secret for key in ring}
        self._signing = ring[0]
        self._clock = clock
        self._verified: OrderedDict[str, tuple[Principal, datetime]] = OrderedDict()

    def issue(self, principal: Principal) -> str:
        """A token that says who the caller is for one hour."""
        now = self._clock.now()
        claims = {
            "msp_id": format_msp_id(principal.msp_id),
            "scopes": sorted(principal.scopes),
            "iss": ISSUER,
            "sub": principal.credential_id,
            "aud": AUDIENCE,
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
            "jti": str(uuid4()),
        }
        headers = {"kid": self._signing.kid}
        return jwt.encode(claims, self._signing.secret, algorithm=_ALGORITHM, headers=headers)

    def verify(self, token: str) -> Principal:
        """Who a token says the caller is; Unauthenticated when it is not ours or has expired."""
        remembered = self._verified.get(token)
        if remembered is None:
            remembered = self._verified[token] = self._decode(token)
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        principal, expires_at = remembered
        if self._clock.now() >= expires_at:
            self._verified.pop(token, None)
            raise invalid_token()
        return principal

    def _decode(self, token: str) -> tuple[Principal, datetime]:
        # The library forgives padding and spare bits; a token has one spelling.
        if any(decode_base64url(part) is None for part in token.split(".")):
            raise invalid_token()
        try:
            secret = self._ring[jwt.get_unverified_header(token)["kid"]]
            # The library would read the machine's clock; ours is asked in verify().
            claims = jwt.decode(
                token,
                secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},
            )
            return _principal(claims), datetime.fromtimestamp(
                claims["exp"], self._clock.now().tzinfo
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
            raise invalid_token() from None


def invalid_token() -> Unauthenticated:
    """The one answer to every token that does not hold, whatever the reason."""
    return Unauthenticated("Invalid or expired token")


def _principal(claims: dict[str, Any]) -> Principal:
    msp_id = parse_msp_id(str(claims["msp_id"]))
    if msp_id is None:
        raise ValueError("msp_id")
    return Principal(msp_id, claims["sub"], frozenset(Scope(scope) for scope in claims["scopes"]))
