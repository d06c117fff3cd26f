"""How a request becomes a call: who it is from first, then its shape, then one unit of work.

A call's changes are committed before its answer is sent; an error undoes them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import unquote_to_bytes

import msgspec
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from partner_api.database.engine import database_is_away
from partner_api.database.pools import SILENCE_SECONDS, log_refusal
from partner_api.edge import is_json
from partner_api.kernel import context
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Invalid, Unavailable, Unsupported
from partner_api.kernel.ids import format_msp_id
from partner_api.surfaces.partner.auth import (
    ENROLLMENT_TOKEN,
    OAUTH2,
    authenticate,
    require_enrollment_token,
)
from partner_api.surfaces.partner.services import Services
from partner_api.tenancy.principal import Principal, Scope
from partner_api.tenancy.session import TenantSession

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# Reading needs tokens, also while a full disk takes no writes.
_READING_POSTS = {"/oauth/token"}


class Call:
    """One authenticated request: who calls, and the unit of work it is."""

    def __init__(self, services: Services, principal: Principal | None) -> None:
        self.services = services
        self._principal = principal

    @property
    def is_authenticated(self) -> bool:
        """Whether the route asked for an access token."""
        return self._principal is not None

    @property
    def principal(self) -> Principal:
        """The verified caller; only routes that ask for an access token have one."""
        assert self._principal is not None
        return self._principal

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self.services.clock

    @cached_property
    def session(self) -> TenantSession:
        """The caller's unit of work, begun when first used."""
        return self.services.tenancy.session(self.principal.msp_id)

    async def commit(self) -> None:
        """Commit early, for a handler that answers with what is stored now."""
        await self.session.commit()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[TenantSession]:
        """A turn and a unit of work, committed at the end: for routes that wait before or after."""
        msp_id = self.principal.msp_id
        async with (
            self.services.gate.turn(msp_id),
            answering_in_time(),
            self.services.tenancy.session(msp_id) as session,
        ):
            yield session
            await session.commit()

    async def finish(self, *, commit: bool) -> None:
        """Commit or undo the unit of work, if one was begun."""
        if "session" not in self.__dict__:
            return
        try:
            if commit:
                await self.session.commit()
        finally:
            await self.session.close()


async def _call(request: Request) -> Call:
    call: Call = request.state.call
    return call


CurrentCall = Annotated[Call, Depends(_call)]


class _DecodedRequest(Request):
    """A request whose body was read and decoded before FastAPI asks for it."""

    async def body(self) -> bytes:
        return self.state.body  # type: ignore[no-any-return]

    async def json(self) -> Any:
        return self.state.decoded


class PartnerRoute(APIRoute):
    """A route of this surface."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, between authentication and commit."""
        handle = super().get_route_handler()
        access = (self.openapi_extra or {}).get("security", [])
        scopes = next(([Scope(s) for s in way[OAUTH2]] for way in access if OAUTH2 in way), None)
        writes = "GET" not in (self.methods or ()) and self.path not in _READING_POSTS
        singles = frozenset(
            field.alias
            for field in self.dependant.query_params
            if not _is_list(field.field_info.annotation)
        )

        async def answer(request: Request) -> Response:
            services: Services = request.app.state.services
            principal = None
            if scopes is not None:
                principal = await authenticate(request, services)
                context.msp_id.set(format_msp_id(principal.msp_id))
                for scope in scopes:
                    principal.require(scope)
            if any(ENROLLMENT_TOKEN in way for way in access):
                require_enrollment_token(request)
            _refuse_broken(request)
            _refuse_repeated(request, singles)
            if writes:
                services.disk.require_room()
            request.state.call = call = Call(services, principal)
            if self.body_field is not None:
                request = await _decoded(request)
            return await self._perform(call, handle, request)

        return answer

    async def _perform(self, call: Call, handle: Handler, request: Request) -> Response:
        if not call.is_authenticated:
            return await _in_one_unit(call, handle, request)
        async with call.services.gate.turn(call.principal.msp_id):
            return await _in_one_unit(call, handle, request)


class WaitingRoute(PartnerRoute):
    """A route whose handler may wait for long: it begins no unit of work and holds no turn.

    What it reads through takes a turn for each read.
    """

    async def _perform(self, _call: Call, handle: Handler, request: Request) -> Response:
        return await handle(request)


def operation_id(route: APIRoute) -> str:
    """A route's operation id: its handler's name in camelCase."""
    return to_camel(route.name)


def partner_router(tag: str, route_class: type[PartnerRoute] = PartnerRoute) -> APIRouter:
    """A router whose routes are this surface's."""
    return APIRouter(
        route_class=route_class,
        tags=[tag],
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )


@asynccontextmanager
async def answering_in_time() -> AsyncIterator[None]:
    """Unavailable when the database is away, or says nothing for too long."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            yield
    except Exception as error:
        if database_is_away(error):
            log_refusal(getattr(error, "driver_exception", None) or error)
            raise Unavailable("The database is not available; try again shortly") from error
        raise


async def _in_one_unit(call: Call, handle: Handler, request: Request) -> Response:
    async with answering_in_time():
        try:
            response = await handle(request)
            await call.finish(commit=True)
        except BaseException:
            await call.finish(commit=False)
            raise
    return response


def _refuse_broken(request: Request) -> None:
    try:
        unquote_to_bytes(request.scope["query_string"]).decode()
    except UnicodeDecodeError:
        raise Invalid("The query string is not valid UTF-8") from None


def _is_list(annotation: Any) -> bool:
    return any(get_origin(choice) is list for choice in (annotation, *get_args(annotation)))


def _refuse_repeated(request: Request, names: frozenset[str]) -> None:
    for name in names:
        if len(request.query_params.getlist(name)) > 1:
            raise Invalid(f"{name} may be given once")


def require_json(request: Request) -> None:
    """Refuse a body of another media type; Unsupported."""
    if not is_json(request.headers.get("content-type")):
        raise Unsupported("Send the body as application/json")


async def _decoded(request: Request) -> Request:
    body = await request.body()
    if body:
        require_json(request)
    decoded = _DecodedRequest(request.scope, request.receive)
    decoded.state.body = body
    try:
        decoded.state.decoded = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"The body is not valid JSON: {error}") from None
    return decoded
