"""The surface put together: one FastAPI application, one document, the hot paths in front."""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from partner_api.edge import Edge, HotPath
from partner_api.surfaces.partner import (
    agent,
    agent_schemas,
    analytics,
    credentials,
    devices,
    docs,
    enrollment_tokens,
    errors,
    event_schemas,
    events,
    health,
    history,
    msp,
    network,
    oauth,
    organizations,
    relay,
    schemas,
    settings,
    webhook_deliveries,
    webhooks,
)
from partner_api.surfaces.partner.openapi import as_yaml, document
from partner_api.surfaces.partner.services import Services

BODY_LIMIT = 1024 * 1024
INGEST_BODY_LIMIT = 8 * 1024 * 1024

_ROUTERS = (
    oauth.router,
    credentials.router,
    msp.router,
    organizations.router,
    history.organizations_router,
    settings.router,
    enrollment_tokens.router,
    devices.router,
    history.devices_router,
    network.devices_router,
    network.analytics_router,
    analytics.router,
    agent.router,
    relay.router,
    events.router,
    webhooks.router,
    webhooks.waiting_router,
    webhook_deliveries.router,
    health.router,
)
_ONLY_IN_DOCUMENT = (
    agent_schemas.CheckIn,
    agent_schemas.CheckInList,
    agent_schemas.LogLines,
    agent_schemas.RelayedCheckInList,
    event_schemas.WebhookTest,
    schemas.ErrorRead,
)


def create_app(services: Services) -> Edge:
    """The canonical surface, ready to be mounted at the root."""
    routes = create_routes(services)
    hot, route_for = _hot_paths(services), partial(_route_for, routes)
    return Edge(routes, _limit_for, errors.error_response, route_for, hot)


def _hot_paths(services: Services) -> Mapping[str, HotPath]:
    return {**agent.hot_paths(services), **oauth.hot_paths(services)}


def create_routes(services: Services) -> FastAPI:
    """The routes alone: what the document describes."""
    app = _routes(services.public_url)
    app.state.services = services
    return app


def openapi_yaml(public_url: str | None) -> str:
    """The document as YAML; without a public URL it names the one a laptop has."""
    return as_yaml(_routes(public_url or "http://127.0.0.1:8000").openapi())


def _routes(public_url: str) -> FastAPI:
    app = FastAPI(
        title="Partner API",
        version=version("partner-api"),
        redirect_slashes=False,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.routes = [route for router in _ROUTERS for route in router.routes]
    # In one list; included routers would be asked one after another, which takes as long as a page.
    app.router.routes += app.state.routes
    docs.install(app)
    errors.install(app)
    app.openapi = partial(_document, app, public_url)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI, server: str) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = document(app, server, _ONLY_IN_DOCUMENT)
    return app.openapi_schema


def _route_for(app: FastAPI, path: str) -> str | None:
    routes: Sequence[APIRoute] = app.state.routes
    return next((route.path for route in routes if route.path_regex.fullmatch(path)), None)


def _limit_for(path: str) -> int:
    return INGEST_BODY_LIMIT if path in {agent.CHECK_INS, agent.LOGS, relay.PATH} else BODY_LIMIT
