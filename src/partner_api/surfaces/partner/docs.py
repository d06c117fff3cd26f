"""The document at its addresses, and the page that shows it with nothing from anywhere else."""

import json
from collections.abc import Awaitable, Callable
from functools import lru_cache
from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from partner_api.surfaces.partner.openapi import OLDER_VERSION, VERSION, as_yaml

PAGE = "/docs"
ASSETS = "/docs/assets"

# FastAPI itself serves /openapi.json.
_YAML = (("/openapi.yaml", VERSION), ("/openapi-3.1.yaml", OLDER_VERSION))
_OLDER_JSON = "/openapi-3.1.json"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)

Handler = Callable[[Request], Awaitable[Response]]


def install(app: FastAPI) -> None:
    """Serve the document, the page and its assets."""
    for path, version in _YAML:
        app.add_route(path, _yaml(app, version), include_in_schema=False)
    app.add_route(_OLDER_JSON, _older_json, include_in_schema=False)
    app.add_route(PAGE, _page, include_in_schema=False)
    folder = str(files("fastapi_offline") / "static")
    app.mount(ASSETS, StaticFiles(directory=folder))


def _yaml(app: FastAPI, version: str) -> Handler:
    @lru_cache(maxsize=1)
    def text() -> str:
        return as_yaml(app.openapi() | {"openapi": version})

    async def answer(_request: Request) -> Response:
        return Response(text(), media_type="application/yaml")

    return answer


async def _older_json(request: Request) -> Response:
    made = request.app.openapi() | {"openapi": OLDER_VERSION}
    return Response(json.dumps(made), media_type="application/json")


async def _page(request: Request) -> Response:
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
        swagger_ui_parameters={"persistAuthorization": True, "validatorUrl": None},
    )
    page.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    return page
