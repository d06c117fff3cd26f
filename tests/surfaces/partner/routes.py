"""Every operation the application has, taken from the application, so that a new one is covered."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

from fastapi.routing import APIRoute

from partner_api.surfaces.partner.app import create_routes
from partner_api.surfaces.partner.services import Services


@dataclass(frozen=True)
class Operation:
    """One method of one path, and who may call it."""

    method: str
    path: str
    schemes: frozenset[str]
    scopes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_integrators(self) -> bool:
        return "oauth2" in self.schemes


def _operations() -> list[Operation]:
    # Routes are described before anything is called, so the address is all they need.
    services = cast(Services, SimpleNamespace(public_url="http://partner.test"))
    routes: list[APIRoute] = create_routes(services).state.routes
    found = []
    for route in routes:
        security: list[dict[str, list[str]]] = (route.openapi_extra or {}).get("security", [])
        schemes = frozenset(scheme for way in security for scheme in way)
        scopes = tuple(scope for way in security for names in way.values() for scope in names)
        found += [Operation(method, route.path, schemes, scopes) for method in route.methods or ()]
    return sorted(found, key=str)


OPERATIONS = _operations()
INTEGRATORS = [operation for operation in OPERATIONS if operation.is_integrators]
