"""What travels over the wire, named as the Partner API document names it."""

from typing import Annotated, Literal

from pydantic import Field

from partner_api.surfaces.partner import specimens
from partner_api.surfaces.partner.wire import (
    Answer,
    Body,
    OrgIdRead,
    Timestamp,
    Wire,
)
from partner_api.tenancy.principal import DOCUMENTED_SCOPES, Scope

Count = Annotated[int, Field(ge=0)]


class ErrorRead(Answer):
    """Every error."""

    error: str = Field(description="The status code's reason phrase", examples=["Not Found"])
    message: str = Field(
        description="What went wrong, and what to do", examples=["Device not found"]
    )


class Total(Wire):
    """How many rows match in all."""

    total: Count = Field(examples=[1])


class PageMeta(Total):
    """How many rows match in all, and the cursor of the next page when there is one."""

    next_cursor: str | None = Field(
        None, description="Send it as `cursor`; absent on the last page."
    )


class TokenRead(Answer):
    """An access token."""

    access_token: str = Field(
        description="A JSON Web Token; its claim `msp_id` names your MSP.",
        examples=[specimens.ACCESS_TOKEN],
    )
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds from now.", examples=[3600])
    scope: str = Field(
        description="What the token may do, separated by spaces.",
        examples=[" ".join(DOCUMENTED_SCOPES)],
    )


class TokenErrorRead(Answer):
    """An error of the token endpoint (RFC 6749, section 5.2)."""

    error: Literal[
        "invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type"
    ] = Field(description="The standard's code.")
    error_description: str = Field(examples=["grant_type is required"])
    message: str = Field(
        description="The same sentence, as every error has it.", examples=["grant_type is required"]
    )


class CredentialRead(Wire):
    """The credential the token was issued to."""

    exists: bool = Field(default=True, examples=[True])
    client_id: str = Field(examples=[specimens.CREDENTIAL_ID])
    scopes: list[Scope] = Field(examples=[list(DOCUMENTED_SCOPES)])
    created_at: Timestamp = Field(examples=["2026-01-15T10:00:00Z"])
    last_used_at: Timestamp | None = Field(None, description="Absent before the first token.")
    enabled: bool = Field(examples=[True])


class SecretRegenerate(Body):
    """How to replace a client secret."""

    overlap_seconds: int = Field(
        default=0,
        ge=0,
        le=86400,
        description="How long the old secret goes on to work.",
        examples=[3600],
    )


class SecretRead(Wire):
    """A new client secret, at the one moment it is shown."""

    client_id: str = Field(examples=[specimens.CREDENTIAL_ID])
    client_secret: str = Field(examples=[specimens.CLIENT_SECRET])
    message: str = Field(
        examples=["Client secret regenerated. Store it securely - it won't be shown again."]
    )


class FleetStats(Wire):
    """The dashboard's figures."""

    total_devices: Count = Field(examples=[47])
    total_orgs: Count = Field(examples=[3])
    healthy: Count = Field(description="Seen within the hour, up to date.", examples=[38])
    warning: Count = Field(description="Not seen for an hour, or outdated.", examples=[6])
    critical: Count = Field(description="Not seen for a day, or never.", examples=[3])
    online_now: Count = Field(description="Seen within the hour.", examples=[41])


class FleetStatsRead(Wire):
    """The dashboard's figures."""

    data: FleetStats


class Member(Wire):
    """Somebody who has logged in to the MSP's account."""

    email: str = Field(examples=["alice@acme.com"])
    name: str = Field(examples=["Alice Smith"])
    picture: str | None = Field(
        None, description="A picture's address.", examples=["https://pictures.example/alice"]
    )
    provider: str = Field(description="google, microsoft or password", examples=["google"])
    last_login_at: Timestamp = Field(examples=["2026-02-27T10:30:00Z"])


class MembersRead(Wire):
    """Everybody who has logged in to the MSP's account."""

    data: list[Member]
    meta: Total


class EnrollmentTokenCreate(Body):
    """A new permission to enroll."""

    expires_in_seconds: int = Field(
        default=7 * 86400, ge=60, le=365 * 86400, description="A week by default.", examples=[86400]
    )
    max_uses: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Unlimited by default.", examples=[25]
    )


class EnrollmentToken(Wire):
    """A permission to enroll devices into one organization."""

    id: str = Field(
        description="Revokes it.",
        examples=[specimens.ENROLLMENT_TOKEN_ID],
        json_schema_extra={"format": "uuid"},
    )
    org_id: OrgIdRead
    expires_at: Timestamp = Field(examples=["2026-03-03T12:00:00Z"])
    max_uses: int | None = Field(None, description="Absent when unlimited.", examples=[25])
    uses: Count = Field(description="Devices that enrolled with it.", examples=[0])


class EnrollmentTokenCreated(EnrollmentToken):
    """A permission to enroll, at the one moment its token is shown."""

    token: str = Field(examples=[specimens.ENROLLMENT_TOKEN])


class EnrollmentTokenCreatedRead(Wire):
    """A permission to enroll, at the one moment its token is shown."""

    data: EnrollmentTokenCreated


class EnrollmentTokensRead(Wire):
    """An organization's permissions to enroll."""

    data: list[EnrollmentToken]
    meta: Total


class HealthRead(Answer):
    """Which service this is, and which deployment of it."""

    service: Literal["partner-api"] = "partner-api"
    revision: str = Field(examples=["partner-api-production-00015-abc"])


class ProbeRead(Answer):
    """A probe that passed."""

    status: Literal["ok"] = "ok"
