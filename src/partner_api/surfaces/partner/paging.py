"""Pages as the wire shows them: `meta.nextCursor`, and a Link to follow."""

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response


def whole_number(most: int, *, least: int = 1) -> BeforeValidator:
    """Takes a number written with digits only, and of a few of them."""

    def check(value: object) -> object:
        number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else -1
        if not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return number

    return BeforeValidator(check)


_DIGITS = re.compile(r"[0-9]{1,6}", re.ASCII)

ListLimit = Annotated[
    int,
    whole_number(1000),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 1000}),
    Query(description="Rows per page."),
]
LogLimit = Annotated[
    int,
    whole_number(500),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 500}),
    Query(description="Entries per page."),
]
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
