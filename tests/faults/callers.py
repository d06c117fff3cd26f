"""Everybody who talks to the server, asked at once."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import httpx

from tests.blackbox.server import Integrator

PATIENCE_SECONDS = 30.0

Questions = Mapping[str, Callable[[], httpx.Response]]
Answers = dict[str, httpx.Response]
"""By what was asked."""


@dataclass
class Callers:
    """An integrator, a device of its MSP, and one whose check-ins the integrator relays."""

    integrator: Integrator
    device: dict[str, str]
    """Its headers."""
    relayed_id: str

    @classmethod
    def of(cls, integrator: Integrator) -> Self:
        org_id = integrator.create_organization()
        (_, device), (relayed_id, _) = integrator.enroll(org_id), integrator.enroll(org_id)
        return cls(integrator, device, relayed_id)

    def ask(self) -> Answers:
        """Everything."""
        return _at_once({**self._reads(), **self._writes()})

    def read(self) -> Answers:
        """What must go on where nothing can be written."""
        return _at_once(self._reads())

    def write(self) -> Answers:
        """One of each kind that keeps something."""
        return _at_once(self._writes())

    def _reads(self) -> Questions:
        figures = f"/v1/msp/{self.integrator.msp['mspId']}/stats"
        paths = ("/v1/devices", "/v1/organizations", "/v1/msp/members", figures)
        gets = {path: partial(self._send, "GET", path) for path in paths}
        return {**gets, "token": self._token}

    def _writes(self) -> Questions:
        logs = [{"severity": "INFO", "payload": {"type": "fault"}}]
        relayed = {"checkIns": [{"clientId": self.relayed_id}]}
        send = partial(self._send, "POST")
        return {
            "check-in": partial(send, "/v1/agent/check-ins", {}, self.device),
            "logs": partial(send, "/v1/agent/logs", logs, self.device),
            "relay": partial(send, "/v1/check-ins", relayed),
            "organization": partial(send, "/v1/organizations", {"name": "Written"}),
        }

    def _send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return httpx.request(
            method,
            self.integrator.url + path,
            json=body,
            headers=headers or self.integrator.headers,
            timeout=PATIENCE_SECONDS,
        )

    def _token(self) -> httpx.Response:
        msp = self.integrator.msp
        form = {
            "grant_type": "client_credentials",
            "client_id": msp["clientId"],
            "client_secret": msp["clientSecret"],
        }
        url = f"{self.integrator.url}/oauth/token"
        return httpx.post(url, data=form, timeout=PATIENCE_SECONDS)


def statuses(answers: Answers) -> dict[str, int]:
    """Each answer's status, by what was asked."""
    return {name: answer.status_code for name, answer in answers.items()}


def are_well(answers: Answers) -> bool:
    """Whether all went well."""
    return all(answer.is_success for answer in answers.values())


def all_fail(answers: Answers) -> bool:
    """Whether nothing went well."""
    return not any(answer.is_success for answer in answers.values())


def assert_refused(answers: Answers) -> None:
    """Every answer says to come back, and when."""
    assert set(statuses(answers).values()) == {503}, statuses(answers)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers.values())


def _at_once(questions: Questions) -> Answers:
    with ThreadPoolExecutor(len(questions)) as pool:
        asked = {name: pool.submit(ask) for name, ask in questions.items()}
        return {name: answer.result() for name, answer in asked.items()}
