"""What agents call.

Check-ins and logs are answered by `hot_paths`, in front of FastAPI, because they carry nearly all
the traffic; the routes describe the same functions in the document.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from partner_api.edge import Fields, HotPath, Reply, field, first_fields, is_json
from partner_api.ingest import parse
from partner_api.ingest.types import CheckInOutcome, Rejection
from partner_api.kernel.errors import Unsupported
from partner_api.kernel.ids import format_client_id, format_msp_id, format_org_id
from partner_api.kernel.timestamps import format_timestamp
from partner_api.status.rules import STATES
from partner_api.surfaces.partner import agent_schemas as schemas
from partner_api.surfaces.partner.auth import FOR_DEVICES, FOR_ENROLLING, bearer, device
from partner_api.surfaces.partner.errors import replying
from partner_api.surfaces.partner.openapi import json_body, refuses
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.services import Services

router = partner_router("Agents")

CHECK_INS = "/v1/agent/check-ins"
LOGS = "/v1/agent/logs"


@router.post(
    "/v1/agent/enroll",
    summary="Enroll this device",
    status_code=201,
    response_model_exclude_none=True,
    responses={
        200: {"model": schemas.EnrolledRead, "description": "Enrolled again"},
        **refuses(
            409,
            "Another organization's device has this id",
            "This clientId is enrolled in another organization. Move or delete the device first.",
        ),
    },
    **FOR_ENROLLING,
)
async def enroll(
    call: CurrentCall, request: Request, response: Response, body: schemas.Enrollment
) -> schemas.EnrolledRead:
    """Join the enrollment token's organization and get a device token; again, to get a new one."""
    token = bearer(request.headers.get("authorization"))
    enrolled = await call.services.provisioning.enroll(token, body.client_id, body.facts())
    response.status_code = 201 if enrolled.is_new else 200
    response.headers["Cache-Control"] = "no-store"
    return schemas.EnrolledRead(
        data=schemas.Enrolled(
            client_id=format_client_id(enrolled.client_id),
            msp_id=format_msp_id(enrolled.msp_id),
            org_id=format_org_id(enrolled.org_id),
            device_token=enrolled.device_token,
            check_in_interval_seconds=call.services.next_check_in_seconds(
                enrolled.check_in_interval_seconds
            ),
        )
    )


@router.post(
    CHECK_INS,
    summary="Check in",
    response_model=schemas.CheckInRead,
    openapi_extra=FOR_DEVICES["openapi_extra"] | json_body("CheckIn", "CheckInList"),
)
async def check_in(call: CurrentCall, request: Request) -> Response:
    """Report that the device is there, now or at up to 500 moments it could not report."""
    fields = first_fields(request.headers.raw)
    content = await take_check_ins(call.services, fields, await request.body())
    return Response(content, media_type="application/json")


@router.post(
    LOGS,
    summary="Send logs",
    status_code=202,
    response_model=schemas.LogResultRead,
    responses=refuses(
        429,
        "Too many entries",
        "This device logs too much; send the rest after Retry-After seconds",
    ),
    openapi_extra=FOR_DEVICES["openapi_extra"] | json_body("LogLines"),
)
async def add_logs(call: CurrentCall, request: Request) -> Response:
    """Report up to 500 log entries; they can be read as soon as this is answered."""
    fields = first_fields(request.headers.raw)
    content = await take_logs(call.services, fields, await request.body())
    return Response(content, 202, media_type="application/json")


async def take_check_ins(services: Services, fields: Fields, body: bytes) -> bytes:
    """Answer a check-in request after its commit."""
    principal = device(field(fields, b"authorization"))
    _require_json(fields)
    parsed = parse.parse_check_ins(body, services.clock.now())
    outcome = await services.check_ins.check_in(principal, parsed.items)
    return _check_in_result(services, outcome, parsed.rejected)


async def take_logs(services: Services, fields: Fields, body: bytes) -> bytes:
    """Answer a log request after its commit."""
    principal = device(field(fields, b"authorization"))
    _require_json(fields)
    parsed = parse.parse_log_lines(body, principal.client_id, services.clock.now())
    await services.log_lines.take(principal, parsed.items)
    rejected = _rejections(parsed.rejected)
    return msgspec.json.encode({"data": {"accepted": len(parsed.items), "rejected": rejected}})


def hot_paths(services: Services) -> Mapping[str, HotPath]:
    """What answers check-ins and logs without FastAPI.

    Measured: a FastAPI route takes three times the processor time of this for the same check-in.
    """
    return {
        path: HotPath(replying(partial(_reply, services, status, take)), is_logged=False)
        for path, status, take in ((CHECK_INS, 200, take_check_ins), (LOGS, 202, take_logs))
    }


async def _reply(
    services: Services,
    status: int,
    take: Callable[[Services, Fields, bytes], Awaitable[bytes]],
    fields: Fields,
    body: bytes,
) -> Reply:
    services.disk.require_room()
    return Reply(status, _JSON, await take(services, fields, body))


_JSON = ((b"content-type", b"application/json"),)
_LABELS = {
    (state.stage, state.is_current): (state.health.value, state.connection.value)
    for state in STATES
}


def _require_json(fields: Fields) -> None:
    if not is_json(field(fields, b"content-type")):
        raise Unsupported("Send the body as application/json")


class _CheckedIn(msgspec.Struct, omit_defaults=True, rename="camel"):
    accepted: int
    duplicates: int
    rejected: Sequence[Mapping[str, object]]
    status: str
    connection_state: str
    check_in_interval_seconds: int
    last_seen: str | None = None
    latest_version: str | None = None


_encode = msgspec.json.Encoder().encode


def _check_in_result(
    services: Services, outcome: CheckInOutcome, rejected: Sequence[Rejection]
) -> bytes:
    health, connection = _LABELS[outcome.stage, outcome.is_current_version]
    seen = outcome.last_seen
    result = _CheckedIn(
        accepted=outcome.accepted,
        duplicates=outcome.duplicates,
        rejected=_rejections(rejected),
        status=health,
        connection_state=connection,
        check_in_interval_seconds=services.next_check_in_seconds(outcome.check_in_interval_seconds),
        last_seen=None if seen is None else format_timestamp(seen),
        latest_version=outcome.latest_version,
    )
    return _encode({"data": result})


def _rejections(rejected: Sequence[Rejection]) -> Sequence[dict[str, object]]:
    return [{"index": item.index, "message": item.message} for item in rejected]
