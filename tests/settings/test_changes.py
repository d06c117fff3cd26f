"""Settings over HTTP: what is answered, taken and refused."""

from typing import Any

import pytest

from partner_api.settings.names import BOUNDS, ORDERS, Setting
from tests.factories.tenants import Tenant
from tests.settings.chosen import MSP, SERVER, choose, of, read, refusal

FOR_THE_MSP = [setting for setting in Setting if "." in setting]


@pytest.fixture
async def org_id(tenant: Tenant, other_tenant: Tenant) -> str:  # noqa: ARG001 - must be there
    return await tenant.create_organization()


def nested(setting: Setting, value: Any) -> dict[str, Any]:
    """A change of one setting as it is sent."""
    outer, _, inner = setting.partition(".")
    return {outer: {inner: value} if inner else value}


def allowing(setting: Setting, value: int) -> dict[str, Any]:
    """The same, with those beside it that keep the order."""
    chain = next((order for order in ORDERS if setting in order), (setting,))
    place = chain.index(setting)
    before = [(each, min(value, BOUNDS[each].highest)) for each in chain[:place]]
    after = [(each, max(value, BOUNDS[each].lowest)) for each in chain[place:]]
    change: dict[str, Any] = {}
    for each, chosen in before + after:
        for outer, sent in nested(each, chosen).items():
            change[outer] = {**change.get(outer, {}), **sent} if isinstance(sent, dict) else sent
    return change


async def test_the_servers_values_hold_where_nobody_chose(tenant: Tenant, org_id: str) -> None:
    assert await read(tenant) == SERVER
    assert await read(tenant, of(org_id)) == SERVER


async def test_an_organizations_choice_goes_before_its_msps(tenant: Tenant, org_id: str) -> None:
    sibling = await tenant.create_organization("Sibling")
    await choose(tenant, streamingSeconds=600, onlineSeconds=1800)
    await choose(tenant, of(org_id), onlineSeconds=900, offlineEventSeconds=120)
    msp = {**SERVER, "streamingSeconds": 600, "onlineSeconds": 1800}
    own = {**msp, "onlineSeconds": 900, "offlineEventSeconds": 120}
    assert await read(tenant) == msp
    assert await read(tenant, of(sibling)) == msp
    assert await read(tenant, of(org_id)) == own
    await choose(tenant, streamingSeconds=700, onlineSeconds=2000)
    assert await read(tenant, of(org_id)) == {**own, "streamingSeconds": 700}


async def test_a_choice_that_equals_the_inherited_value_stays(tenant: Tenant, org_id: str) -> None:
    await choose(tenant, of(org_id), checkInIntervalSeconds=240)
    await choose(tenant, checkInIntervalSeconds=60)
    assert (await read(tenant, of(org_id)))["checkInIntervalSeconds"] == 240


@pytest.mark.parametrize("level", ["msp", "organization"])
async def test_what_is_absent_stays_and_null_inherits(
    tenant: Tenant, org_id: str, level: str
) -> None:
    path = MSP if level == "msp" else of(org_id)
    await choose(tenant, path, streamingSeconds=100, offlineEventSeconds=500)
    changed = {**SERVER, "streamingSeconds": 100, "offlineEventSeconds": 500}
    assert await read(tenant, path) == changed
    assert await choose(tenant, path) == changed
    await choose(tenant, path, offlineEventSeconds=600, onlineSeconds=None)
    assert await read(tenant, path) == {**changed, "offlineEventSeconds": 600}
    await choose(tenant, path, streamingSeconds=None)
    assert await read(tenant, path) == {**SERVER, "offlineEventSeconds": 600}


async def test_days_are_merged_one_by_one(tenant: Tenant, org_id: str) -> None:
    days = SERVER["retentionDays"]
    await choose(tenant, retentionDays={"logs": 7})
    await choose(tenant, retentionDays={"statusHistory": 90})
    chosen = {**days, "logs": 7, "statusHistory": 90}
    assert (await read(tenant))["retentionDays"] == chosen
    assert (await read(tenant, of(org_id)))["retentionDays"] == chosen
    await choose(tenant, retentionDays={"logs": None})
    assert (await read(tenant))["retentionDays"] == {**chosen, "logs": 30}
    await choose(tenant, retentionDays={"logs": 5})
    await choose(tenant, retentionDays={})
    assert (await read(tenant))["retentionDays"] == {**chosen, "logs": 5}
    await choose(tenant, retentionDays=None)
    assert await read(tenant) == SERVER


async def test_so_are_the_limits_of_network_quality(tenant: Tenant, org_id: str) -> None:
    limits = SERVER["networkQuality"]
    await choose(tenant, networkQuality={"goodLatencyMs": 80}, retentionDays={"hours": 90})
    await choose(tenant, networkQuality={"degradedLatencyMs": 80, "goodPacketLossPct": 0})
    chosen = {**limits, "goodLatencyMs": 80, "degradedLatencyMs": 80, "goodPacketLossPct": 0}
    assert (await read(tenant))["networkQuality"] == chosen
    assert (await read(tenant, of(org_id)))["networkQuality"] == chosen
    await choose(tenant, networkQuality=None)
    assert (await read(tenant))["networkQuality"] == limits
    assert (await read(tenant))["retentionDays"]["hours"] == 90


async def test_nothing_is_good_that_would_not_be_degraded(tenant: Tenant) -> None:
    message = await refusal(tenant, MSP, {"networkQuality": {"goodLatencyMs": 301}})
    assert message == (
        "networkQuality.goodLatencyMs: 301 (the MSP's) is more than "
        "networkQuality.degradedLatencyMs, 300 (the server's); it must be at most 300"
    )
    for good, degraded in (
        ("goodLatencyMs", "degradedLatencyMs"),
        ("goodJitterMs", "degradedJitterMs"),
        ("goodPacketLossPct", "degradedPacketLossPct"),
    ):
        message = await refusal(tenant, MSP, {"networkQuality": {good: 9, degraded: 8}})
        assert message.startswith(f"networkQuality.{good}: 9 (the MSP's) is more than ")


@pytest.mark.parametrize("group", ["retentionDays", "networkQuality"])
async def test_groups_are_chosen_for_the_whole_msp_only(
    tenant: Tenant, org_id: str, group: str
) -> None:
    choices: list[Any] = [{"logs": 7}, {"goodLatencyMs": 7}, {}, None, 7]
    for chosen in choices:
        message = await refusal(tenant, of(org_id), {group: chosen, "onlineSeconds": 900})
        assert message.startswith(f"{group}: is the same for the whole MSP")
        assert MSP in message


@pytest.mark.parametrize("setting", Setting)
async def test_the_bounds_themselves_may_be_chosen(
    tenant: Tenant, org_id: str, setting: Setting
) -> None:
    paths = [MSP] if setting in FOR_THE_MSP else [MSP, of(org_id)]
    for path in paths:
        for value in (BOUNDS[setting].lowest, BOUNDS[setting].highest):
            data = await choose(tenant, path, **allowing(setting, value))
            outer, _, inner = setting.partition(".")
            assert (data[outer][inner] if inner else data[outer]) == value


@pytest.mark.parametrize("setting", Setting)
async def test_nothing_beyond_the_bounds_and_no_other_kind_of_value_is_taken(
    tenant: Tenant, org_id: str, setting: Setting
) -> None:
    lowest, highest = BOUNDS[setting].lowest, BOUNDS[setting].highest
    wrong: list[Any] = [
        lowest - 1,
        highest + 1,
        -lowest - 1,
        10**30,
        True,
        lowest + 0.5,
        float(lowest),
    ]
    for value in [*wrong, str(lowest), "", [lowest], {}]:
        for path in [MSP] if setting in FOR_THE_MSP else [MSP, of(org_id)]:
            message = await refusal(tenant, path, nested(setting, value))
            assert message.startswith(f"{setting}: ")
            assert f"from {lowest} to {highest}" in message


@pytest.mark.parametrize(
    "body",
    [
        {"colour": 5},
        {"streaming_seconds": 600},
        {"StreamingSeconds": 600},
        {"onlineSeconds": 900, "logs": 5},
        {"": 5},
        {"orgId": None},
    ],
)
async def test_a_member_nobody_knows_is_refused(tenant: Tenant, org_id: str, body: Any) -> None:
    for path in (MSP, of(org_id)):
        assert list(body)[-1] in await refusal(tenant, path, body)
    message = await refusal(tenant, MSP, {"networkQuality": {"good_latency_ms": 5}})
    assert "networkQuality.good_latency_ms:" in message
    assert "retentionDays.log:" in await refusal(tenant, MSP, {"retentionDays": {"log": 5}})


@pytest.mark.parametrize("body", [[], [{"onlineSeconds": 900}], "x", 5, None, True])
async def test_a_body_that_is_no_object_is_refused(tenant: Tenant, org_id: str, body: Any) -> None:
    for path in (MSP, of(org_id)):
        assert "body" in await refusal(tenant, path, body)
    choices: list[Any] = [5, [], "x", True]
    for group in ("retentionDays", "networkQuality"):
        for chosen in choices:
            assert group in await refusal(tenant, MSP, {group: chosen})


async def test_a_merge_patch_may_be_called_one(tenant: Tenant) -> None:
    for number, kind in enumerate(("application/merge-patch+json", "application/json")):
        headers = {**tenant.headers, "Content-Type": kind}
        content = f'{{"checkInIntervalSeconds": {100 + number}}}'.encode()
        answer = await tenant.http.patch(MSP, content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        assert (await read(tenant))["checkInIntervalSeconds"] == 100 + number
    headers = {**tenant.headers, "Content-Type": "text/plain"}
    assert (await tenant.http.patch(MSP, content=b"{}", headers=headers)).status_code == 415


async def test_thresholds_stay_in_order_with_those_that_are_inherited(
    tenant: Tenant, org_id: str
) -> None:
    await choose(tenant, onlineSeconds=1200)
    message = await refusal(tenant, of(org_id), {"streamingSeconds": 1201, "onlineSeconds": None})
    assert message == (
        "streamingSeconds: 1201 (the organization's) is more than onlineSeconds, 1200 (the MSP's); "
        "it must be at most 1200"
    )
    await choose(tenant, of(org_id), streamingSeconds=1201, onlineSeconds=1201)
    message = await refusal(tenant, of(org_id), {"onlineSeconds": None})
    assert "onlineSeconds: 1200 (the MSP's) is less than streamingSeconds, 1201" in message
    await choose(tenant, of(org_id), streamingSeconds=None, onlineSeconds=None)


async def test_an_msp_brings_no_organizations_own_choice_out_of_order(
    tenant: Tenant, org_id: str
) -> None:
    for name in ("Before", "After"):
        await choose(tenant, of(await tenant.create_organization(name)), streamingSeconds=60)
    await choose(tenant, of(org_id), streamingSeconds=1800)
    message = await refusal(tenant, MSP, {"onlineSeconds": 1799, "checkInIntervalSeconds": 60})
    assert message == (
        "onlineSeconds: 1799 (the MSP's) is less than streamingSeconds, 1800 "
        f"(the organization Acme Corp's, {org_id}); it must be at least 1800"
    )
    await choose(tenant, onlineSeconds=1800)
    await choose(tenant, of(org_id), streamingSeconds=None)
    await choose(tenant, onlineSeconds=1799)


async def test_an_organization_takes_its_choices_with_it(tenant: Tenant, org_id: str) -> None:
    await choose(tenant, of(org_id), streamingSeconds=1800)
    assert (await tenant.delete(f"/v1/organizations/{org_id}")).status_code == 204
    await choose(tenant, onlineSeconds=900)


# Whose settings they are.


async def test_another_msps_settings_are_another_msps(
    tenant: Tenant, other_tenant: Tenant, org_id: str
) -> None:
    foreign = await other_tenant.create_organization("Foreign")
    await choose(tenant, streamingSeconds=600)
    await choose(tenant, of(org_id), streamingSeconds=700)
    assert await read(other_tenant) == SERVER
    assert await read(other_tenant, of(foreign)) == SERVER
    unknown = f"org_{'0' * 8}-0000-0000-0000-{'0' * 12}"
    for path in (of(org_id), of(unknown), of("org_x")):
        for answer in (
            await other_tenant.get(path),
            await other_tenant.patch(path, json={"streamingSeconds": 60}),
        ):
            assert answer.status_code == 404
            assert answer.json()["message"] == "Organization not found"
    assert (await read(tenant, of(org_id)))["streamingSeconds"] == 700


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("fleet:read", {("GET", "msp")}),
        ("orgs:read", {("GET", "organization")}),
        ("orgs:write", {("PATCH", "msp"), ("PATCH", "organization")}),
        ("analytics:read", set()),
    ],
)
async def test_each_scope_opens_its_own(
    tenant: Tenant, org_id: str, scope: str, opens: set[tuple[str, str]]
) -> None:
    token = (await tenant.request_token(scope=scope)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for method in ("GET", "PATCH"):
        for level, path in (("msp", MSP), ("organization", of(org_id))):
            body = {"onlineSeconds": 900} if method == "PATCH" else None
            answer = await tenant.http.request(method, path, headers=headers, json=body)
            assert answer.status_code == (200 if (method, level) in opens else 403)
