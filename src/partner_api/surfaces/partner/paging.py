"""Pages as the wire shows them: `meta.nextCursor`, and a Link to follow."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

Cursor = Annotated[
    str | None,
    Query(max_length=2000, description="`meta.nextCursor` of the page before."),
]


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Add `Link: <...>; rel="next"` (RFC 8288), relative, so that no Host header can bend it."""
    if cursor is None:
        return
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
    target = f"{request.url.path}?{urlencode([*query, ('cursor', cursor)])}"
    response.headers["Link"] = f'<{target}>; rel="next"'
