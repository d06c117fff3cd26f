"""Our error kinds in, the document's `{"error", "message"}` out."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from partner_api.edge import UNEXPECTED, Fields, Reply, Take
from partner_api.kernel import errors
from partner_api.kernel.errors import PartnerApiError

PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

_STATUSES: Mapping[type[PartnerApiError], int] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Forbidden: 403,
    errors.Unauthenticated: 401,
    errors.Unsupported: 415,
    errors.TooLarge: 413,
    errors.Invalid: 400,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
}


_LONGEST_NAME = 80
# The library counts items of a text it has looked into; a text has characters.
_BOUNDS = {
    "too_long": ("a length of at most", "max_length"),
    "too_short": ("a length of at least", "min_length"),
    "string_too_long": ("a length of at most", "max_length"),
    "string_too_short": ("a length of at least", "min_length"),
}


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in the document's shape."""
    content = msgspec.json.encode({"error": PHRASES[status], "message": message})
    return Response(content, status, headers, media_type="application/json")


def render(error: PartnerApiError) -> Response:
    """The answer to one of our own errors."""
    status = next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="partner-api"'
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(error.retry_after_seconds)
    return error_response(status, error.message, headers)


def replying(take: Take) -> Take:
    """The same, with an answer for each of our own errors."""

    async def reply(fields: Fields, body: bytes) -> Reply:
        try:
            return await take(fields, body)
        except PartnerApiError as error:
            return Reply.of(render(error))

    return reply


def install(app: FastAPI) -> None:
    """Answer every error of an application in this shape."""
    app.add_exception_handler(PartnerApiError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _starlettes)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, PartnerApiError)
    return render(error)


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(400, _explained(error.errors()[0]))


def _explained(problem: Mapping[str, Any]) -> str:
    """Name the parameter or field, and what is allowed."""
    place: Sequence[object] = problem["loc"][1:] or problem["loc"]
    name = ".".join(str(part)[:_LONGEST_NAME] for part in place if str(part).isprintable())
    if problem["type"] == "missing":
        return f"{name} is required"
    if problem["type"] in _BOUNDS:
        sentence, bound = _BOUNDS[problem["type"]]
        return f"{name} must have {sentence} {problem['ctx'][bound]}"
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {text}"


async def _starlettes(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        known = (error.headers or {}).get("Allow", "GET")
        methods = ", ".join(allowed_methods(request)) or known
        return error_response(405, f"This path allows {methods}", {"Allow": methods})
    if error.status_code == 404:
        return error_response(404, "No such path")
    return error_response(error.status_code, str(error.detail))


async def _unexpected(_request: Request, _error: Exception) -> Response:
    # Starlette raises it again afterwards, and the edge logs it.
    return error_response(500, UNEXPECTED)


def allowed_methods(request: Request) -> Sequence[str]:
    """Every method the request's path answers to; the framework itself names one route's only."""
    methods: set[str] = set()
    routes: Sequence[APIRoute] = request.app.state.routes
    for route in routes:
        if route.path_regex.fullmatch(request.url.path):
            methods |= route.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)
