import asyncio
import re
from typing import Any

import pytest

from tests.factories.tenants import Tenant

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


async def _create(tenant: Tenant, name: str) -> dict[str, Any]:
    answer = await tenant.post("/v1/organizations", json={"name": name})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_an_organization_is_answered_and_found_as_it_was_made(tenant: Tenant) -> None:
    made = await _create(tenant, "Acme Corp")
    assert made == {
        "orgId": made["orgId"],
        "name": "Acme Corp",
        "mspId": tenant.msp,
        "slug": "acme-corp",
    }
    found = (await tenant.get(f"/v1/organizations/{made['orgId']}")).json()["data"]
    assert {name: found[name] for name in made} == made


async def test_names_that_fall_together_are_numbered(tenant: Tenant) -> None:
    names = ["Acme", "ACME", "acmé!", "Acme 2", "Acme", "Acme-10"]
    slugs = [(await _create(tenant, name))["slug"] for name in names]
    assert slugs == ["acme", "acme-2", "acme-3", "acme-2-2", "acme-4", "acme-10"]


async def test_a_slug_is_unique_within_its_msp_only(tenant: Tenant, other_tenant: Tenant) -> None:
    for msp in (tenant, other_tenant):
        assert (await _create(msp, "Shared Name"))["slug"] == "shared-name"


async def test_a_freed_slug_can_be_had_again(tenant: Tenant) -> None:
    first = await _create(tenant, "Acme")
    await _create(tenant, "Acme")
    assert (await tenant.delete(f"/v1/organizations/{first['orgId']}")).status_code == 204
    assert (await _create(tenant, "Acme"))["slug"] == "acme"
    assert (await _create(tenant, "Acme"))["slug"] == "acme-3"


@pytest.mark.parametrize("name", ["张伟", "شركة النور", "🎉7", "½½", "ꙮꙮ", "x" * 100])
async def test_a_name_of_any_script_has_a_slug_of_its_own(tenant: Tenant, name: str) -> None:
    made = [await _create(tenant, name) for _ in range(3)]
    assert [row["name"] for row in made] == [name] * 3
    slugs = [row["slug"] for row in made]
    assert slugs == [slugs[0], f"{slugs[0]}-2", f"{slugs[0]}-3"]
    assert all(SLUG.fullmatch(slug) for slug in slugs)


async def test_the_same_name_at_once_gets_different_slugs(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    made = await asyncio.gather(
        *(_create(msp, "Rush Hour") for _ in range(12) for msp in (tenant, other_tenant))
    )
    expected = sorted(["rush-hour", *(f"rush-hour-{n}" for n in range(2, 13))])
    for msp in (tenant, other_tenant):
        assert sorted(row["slug"] for row in made if row["mspId"] == msp.msp) == expected
    assert len({row["orgId"] for row in made}) == 24


@pytest.mark.parametrize("name", ["ab", "a1", "张伟", "  ab  ", "x" * 100, "-a", "🎉1"])
async def test_a_name_of_2_to_100_characters_is_taken(tenant: Tenant, name: str) -> None:
    assert (await _create(tenant, name))["name"] == name.strip()


@pytest.mark.parametrize(
    "name", ["", "a", " a ", "x" * 101, "--", "🎉🎉", "  ", "a\0b", "a\nb", 7, None]
)
async def test_any_other_name_is_refused(tenant: Tenant, name: object) -> None:
    answer = await tenant.post("/v1/organizations", json={"name": name})
    assert answer.status_code == 400
    assert "name" in answer.json()["message"]
    assert (await tenant.get("/v1/organizations")).json()["data"] == []
