"""The MSP's own integration: it makes the customers, and lets devices enroll."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import httpx

from partner_api.kernel.clock import Clock
from partner_api.operations.simulation.answers import (
    AccessToken,
    Data,
    EnrollmentToken,
    Organization,
    Page,
)
from partner_api.operations.simulation.client import Client
from partner_api.operations.simulation.tokens import Token, TokenSource
from partner_api.operations.simulation.workers import each

_ORGANIZATIONS = "/v1/organizations"


class Partner:
    """Acts for an MSP, by one of its credentials."""

    def __init__(self, client: Client, client_id: str, client_secret: str, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._tokens = TokenSource(self._new_access_token, clock)

    async def ensure_organizations(self, names: Sequence[str]) -> dict[str, Organization]:
        """The organizations of these names, those that are missing newly made."""
        known = {organization.name: organization for organization in await self._organizations()}
        missing = [name for name in names if name not in known]

        async def create(name: str) -> None:
            known[name] = await self._create_organization(name)

        await each(missing, create)
        return {name: known[name] for name in names}

    def enrollment_tokens(self, organization: Organization) -> TokenSource:
        """Where the organization's devices get permission to enroll."""
        return TokenSource(partial(self._new_enrollment_token, organization.org_id), self._clock)

    async def _new_access_token(self) -> Token:
        got = await self._client.ask(
            lambda: self._client.request("POST", "/oauth/token", form=self._form), AccessToken
        )
        return Token(got.access_token, self._clock.now() + timedelta(seconds=got.expires_in))

    async def _organizations(self) -> list[Organization]:
        """All of them, newest first, so that of two with one name the older one counts."""
        found: list[Organization] = []
        query = {"limit": "1000"}
        while True:
            page = await self._client.ask_as(
                self._tokens, partial(self._page_request, dict(query)), Page[Organization]
            )
            found += page.data
            if page.meta.next_cursor is None:
                return sorted(found, key=lambda organization: organization.org_id, reverse=True)
            query["cursor"] = page.meta.next_cursor

    def _page_request(self, query: dict[str, str], token: str) -> httpx.Request:
        return self._client.request("GET", _ORGANIZATIONS, token, query=query)

    async def _create_organization(self, name: str) -> Organization:
        created = await self._client.ask_as(
            self._tokens,
            lambda token: self._client.request("POST", _ORGANIZATIONS, token, json={"name": name}),
            Data[Organization],
        )
        return created.data

    async def _new_enrollment_token(self, org_id: str) -> Token:
        path = f"{_ORGANIZATIONS}/{org_id}/enrollment-tokens"
        created = await self._client.ask_as(
            self._tokens,
            lambda token: self._client.request("POST", path, token),
            Data[EnrollmentToken],
        )
        return Token(created.data.token)
