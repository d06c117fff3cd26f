"""A secret comes back to the webhook it was sealed for, under the keys the operator kept."""

import base64
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.config import SecretKey
from partner_api.kernel.errors import Misconfigured
from partner_api.kernel.ids import MspId
from partner_api.webhooks.sealing import Sealer

OLD, NEW = SecretKey("k1", b"1" * 32), SecretKey("k2", b"2" * 32)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MSP, OTHER_MSP = MspId(uuid4()), MspId(uuid4())
WEBHOOK = uuid4()


def test_a_secret_comes_back_and_is_not_to_be_read_meanwhile() -> None:
    sealer = Sealer([OLD])
    sealed = [sealer.seal(SECRET, MSP, WEBHOOK) for _ in range(2)]
    assert sealed[0] != sealed[1]
    for each in sealed:
        assert Sealer([OLD]).open(each, MSP, WEBHOOK) == SECRET
        raw = base64.b64decode(each.removeprefix("k1:"))
        assert (SECRET in each, SECRET.encode() in raw) == (False, False)


def test_the_first_key_seals_and_every_key_of_the_ring_opens() -> None:
    before, after = Sealer([OLD]), Sealer([NEW, OLD])
    old, new = before.seal(SECRET, MSP, WEBHOOK), after.seal(SECRET, MSP, WEBHOOK)
    assert [each.partition(":")[0] for each in (old, new)] == ["k1", "k2"]
    assert [after.open(each, MSP, WEBHOOK) for each in (old, new)] == [SECRET, SECRET]


def test_a_key_that_is_gone_is_named() -> None:
    sealed = Sealer([OLD]).seal(SECRET, MSP, WEBHOOK)
    with pytest.raises(Misconfigured, match=r"SECRET_KEYS has no key 'k1'.*put that key back"):
        Sealer([NEW]).open(sealed, MSP, WEBHOOK)


def test_another_key_under_the_same_name_does_not_open() -> None:
    sealed = Sealer([OLD]).seal(SECRET, MSP, WEBHOOK)
    with pytest.raises(Misconfigured, match=r"does not open with key 'k1'"):
        Sealer([SecretKey("k1", b"x" * 32)]).open(sealed, MSP, WEBHOOK)


@pytest.mark.parametrize(
    ("msp_id", "webhook_id"),
    [(OTHER_MSP, WEBHOOK), (MSP, uuid4()), (MspId(WEBHOOK), UUID(bytes=MSP.bytes))],
    ids=["another MSP", "another webhook", "both exchanged"],
)
def test_a_secret_moved_to_another_row_does_not_open(msp_id: MspId, webhook_id: UUID) -> None:
    sealer = Sealer([OLD])
    with pytest.raises(Misconfigured, match="does not open"):
        sealer.open(sealer.seal(SECRET, MSP, WEBHOOK), msp_id, webhook_id)


def test_one_changed_bit_anywhere_is_noticed() -> None:
    sealer = Sealer([OLD])
    packed = base64.b64decode(sealer.seal(SECRET, MSP, WEBHOOK).removeprefix("k1:"))
    for place in range(len(packed)):
        altered = bytearray(packed)
        altered[place] ^= 1
        with pytest.raises(Misconfigured, match="does not open"):
            sealer.open(f"k1:{base64.b64encode(altered).decode()}", MSP, WEBHOOK)


@given(st.text() | st.binary().map(lambda raw: "k1:" + base64.b64encode(raw).decode()))
def test_whatever_else_the_database_holds_is_misconfigured(stored: str) -> None:
    for text in (stored, f"k1:{stored}"):
        with pytest.raises(Misconfigured):
            Sealer([OLD]).open(text, MSP, WEBHOOK)
