"""Secrets: 256 random bits, shown once, kept as their SHA-256 and nowhere else."""

import base64
import hashlib
import logging
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.identity.secrets import (
    TokenKind,
    msp_of_client_id,
    new_client_id,
    new_client_secret,
    new_keyed_token,
    parse_keyed_token,
)
from partner_api.kernel.ids import MspId
from tests.factories.tenants import Tenant, post_enrollment

TABLES = ("credentials", "devices", "enrollment_tokens", "members", "msps", "organizations")


@given(st.uuids(), st.uuids(), st.sampled_from(TokenKind))
@settings(max_examples=100)
def test_a_token_names_its_row(msp_id: UUID, row_id: UUID, kind: TokenKind) -> None:
    token = new_keyed_token(kind, MspId(msp_id), row_id)
    assert token.text.startswith(kind)
    assert parse_keyed_token(kind, token.text) == token
    assert token.hash == hashlib.sha256(token.text.encode()).digest()
    other = next(one for one in TokenKind if one is not kind)
    assert parse_keyed_token(other, token.text) is None


@given(st.uuids(), st.text(max_size=120))
@settings(max_examples=200)
def test_any_other_text_names_none(msp_id: UUID, noise: str) -> None:
    whole = new_keyed_token(TokenKind.DEVICE, MspId(msp_id), msp_id).text
    assert parse_keyed_token(TokenKind.DEVICE, noise) is None
    for broken in (whole[:-1], whole + "A", whole[:20], whole[:-1] + "*", whole[:-1] + "é"):
        assert parse_keyed_token(TokenKind.DEVICE, broken) is None


@given(st.uuids(), st.text(max_size=60))
@settings(max_examples=100)
def test_a_client_id_names_its_msp(msp_id: UUID, noise: str) -> None:
    client_id = new_client_id(MspId(msp_id))
    assert client_id.startswith("nwx_ci_")
    assert msp_of_client_id(client_id) == msp_id
    for other in (noise, client_id + "0", client_id[:-1], client_id.upper(), f" {client_id}"):
        assert msp_of_client_id(other) is None


def test_no_secret_is_drawn_twice_and_each_has_256_bits() -> None:
    drawn = {new_client_secret() for _ in range(1000)}
    assert len(drawn) == 1000
    for secret in drawn:
        assert secret.startswith("nwx_cs_")
        assert len(base64.urlsafe_b64decode(secret.removeprefix("nwx_cs_") + "=")) == 32
    nobody = UUID(int=0)
    tokens = {new_keyed_token(TokenKind.DEVICE, MspId(nobody), nobody).text for _ in range(1000)}
    assert len(tokens) == 1000
    packed = {base64.urlsafe_b64decode(token.removeprefix("nwx_dt_") + "==") for token in tokens}
    assert {len(raw) for raw in packed} == {16 + 16 + 32}


async def test_the_database_keeps_hashes_only(
    tenant: Tenant, owner: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="partner_api"):
        secret = (await tenant.post("/v1/credentials/regenerate")).json()["clientSecret"]
        org_id = await tenant.create_organization()
        enrollment = await tenant.create_enrollment_token(org_id)
        enrolled = await post_enrollment(tenant.http, enrollment)
        device = enrolled.json()["data"]["deviceToken"]
        headers = {"Authorization": f"Bearer {device}"}
        await tenant.http.post("/v1/agent/check-ins", json={}, headers=headers)
    for given_out, table, column in (
        (secret, "credentials", "secret_hash"),
        (enrollment, "enrollment_tokens", "token_hash"),
        (device, "devices", "token_hash"),
    ):
        kept = await _one(owner, tenant, f"select {column} from {table} where msp_id = :msp_id")
        assert kept == hashlib.sha256(given_out.encode()).digest()
    for table in TABLES:
        rows = str(await _one(owner, tenant, _AS_TEXT.format(table=table)))
        for given_out in (secret, enrollment, device, tenant.token):
            random = given_out[-40:]
            assert random not in rows
            assert random.encode().hex() not in rows
            assert random not in caplog.text


_AS_TEXT = "select coalesce(string_agg(t::text, ' '), '') from {table} t where msp_id = :msp_id"


async def _one(owner: AsyncEngine, tenant: Tenant, statement: str) -> object:
    async with owner.connect() as connection:
        result = await connection.execute(text(statement), {"msp_id": tenant.msp_id})
        value: object = result.scalar_one()
        return value
