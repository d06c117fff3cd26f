"""The documentation page: Swagger UI from a package's files, nothing from anywhere else."""

from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

PAGE = "/docs"
ASSETS = "/docs/assets"

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """Serve the page and its assets."""
    folder = str(files("fastapi_offline") / "static")
    app.add_route(PAGE, _page, include_in_schema=False)
    app.mount(ASSETS, StaticFiles(directory=folder))


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
