"""MSPs with everything a test needs to speak for them."""

from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.identity.service import create_credential
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import MspId, format_msp_id, uuid7
from partner_api.msps.service import create_msp
from partner_api.tenancy.session import tenant_session


@dataclass
class Tenant:
    """An MSP, its credential, and a client that calls the API as it."""

    msp_id: MspId
    client_id: str
    client_secret: str
    http: httpx.AsyncClient
    token: str = ""

    @property
    def msp(self) -> str:
        return format_msp_id(self.msp_id)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def request_token(self, **form: str) -> httpx.Response:
        data = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            **form,
        }
        return await self.http.post("/oauth/token", data=data)

    async def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return await self.http.get(path, headers=self.headers, **kwargs)

    async def post(self, path: str, **kwargs: Any) -> httpx.Response:
        return await self.http.post(path, headers=self.headers, **kwargs)

    async def patch(self, path: str, **kwargs: Any) -> httpx.Response:
        return await self.http.patch(path, headers=self.headers, **kwargs)

    async def delete(self, path: str) -> httpx.Response:
        return await self.http.delete(path, headers=self.headers)

    async def create_organization(self, name: str = "Acme Corp") -> str:
        answer = await self.post("/v1/organizations", json={"name": name})
        assert answer.status_code == 201, answer.text
        org_id: str = answer.json()["data"]["orgId"]
        return org_id

    async def create_enrollment_token(self, org_id: str, **body: Any) -> str:
        answer = await self.post(f"/v1/organizations/{org_id}/enrollment-tokens", json=body)
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["data"]["token"]
        return token

    async def enroll(self, org_id: str, **facts: Any) -> "Agent":
        """A device that just enrolled."""
        token = await self.create_enrollment_token(org_id)
        answer = await post_enrollment(self.http, token, **facts)
        assert answer.status_code == 201, answer.text
        data = answer.json()["data"]
        return Agent(self, data["clientId"], data["orgId"], data["deviceToken"])


@dataclass
class Agent:
    """A device's agent."""

    tenant: Tenant
    client_id: str
    org_id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def post_check_in(self, **body: Any) -> httpx.Response:
        return await self.tenant.http.post("/v1/agent/check-ins", json=body, headers=self.headers)

    async def check_in(self, **body: Any) -> dict[str, Any]:
        answer = await self.post_check_in(**body)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def post_logs(self, lines: Any) -> httpx.Response:
        return await self.tenant.http.post("/v1/agent/logs", json=lines, headers=self.headers)

    async def read(self) -> dict[str, Any]:
        """The device as an integrator sees it."""
        answer = await self.tenant.get(f"/v1/devices/{self.client_id}")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data


FACTS = {"os": "macOS", "osVersion": "15.3", "arch": "arm64", "currentVersion": "1.0.5.42"}


async def post_enrollment(http: httpx.AsyncClient, token: str, **facts: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await http.post("/v1/agent/enroll", json={**FACTS, **facts}, headers=headers)


async def create_tenant(
    engine: AsyncEngine, http: httpx.AsyncClient, clock: Clock, name: str
) -> Tenant:
    """An MSP as the operator makes it, with a token for its credential."""
    msp_id = MspId(uuid7(clock.now()))
    async with tenant_session(engine, msp_id) as session:
        await create_msp(session, name, clock)
        secret = await create_credential(session, msp_id, clock)
        await session.commit()
    tenant = Tenant(msp_id, secret.client_id, secret.client_secret, http)
    tenant.token = (await tenant.request_token()).json()["access_token"]
    return tenant
