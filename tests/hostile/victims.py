"""Whom hostile requests are aimed at, and what their refusals look like."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.factories.tenants import Agent, Tenant


@dataclass(frozen=True)
class Victim:
    """A device, its MSP, and a token another device could enroll with."""

    agent: Agent
    enrollment_token: str

    @property
    def tenant(self) -> Tenant:
        return self.agent.tenant

    async def send(self, method: str, path: str, body: bytes) -> httpx.Response:
        """Send JSON as whoever may; a path may name `{org}` and `{device}`."""
        url = path.format(org=self.agent.org_id, device=self.agent.client_id)
        headers = {
            "Authorization": f"Bearer {self._token(path)}",
            "Content-Type": "application/json",
        }
        return await self.tenant.http.request(method, url, content=body, headers=headers)

    async def everything(self) -> list[Any]:
        """What an integrator sees of the MSP."""
        paths = (
            "/v1/organizations",
            "/v1/devices?include=tags,attributes",
            f"/v1/devices/{self.agent.client_id}/logs",
            f"/v1/organizations/{self.agent.org_id}/enrollment-tokens",
        )
        answers = [await self.tenant.get(path) for path in paths]
        assert all(answer.status_code == 200 for answer in answers)
        return [answer.json() for answer in answers]

    def _token(self, path: str) -> str:
        if path == "/v1/agent/enroll":
            return self.enrollment_token
        return self.agent.token if path.startswith("/v1/agent/") else self.tenant.token


def refusal(answer: httpx.Response) -> str:
    """The message of a clear 4xx in the house shape."""
    assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:200]}"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"]
    body = answer.json()
    assert body.keys() - {"error_description"} == {"error", "message"}
    message: str = body["message"]
    assert 5 < len(message) < 500
    assert "\x00" not in message
    return message
