"""ICMP echo as bytes."""

import struct

import pytest

from partner_api.agent.measuring.echo import echo_request, is_reply

PAYLOAD = b"sixteen bytes of"
REPLY = struct.pack("!BBHHH", 0, 0, 0, 4711, 7) + PAYLOAD
REPLY_6 = struct.pack("!BBHHH", 129, 0, 0, 4711, 7) + PAYLOAD
IP_HEADER = bytes.fromhex("450000340000000040010000c0000201c0000202")


@pytest.mark.parametrize("payload", [PAYLOAD, b"odd"])
def test_a_requests_checksum_makes_the_sum_of_its_words_all_ones(payload: bytes) -> None:
    packet = echo_request(7, payload, ipv6=False)
    assert (packet[0], packet[1], packet[8:]) == (8, 0, payload)
    padded = packet + b"\0" * (len(packet) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def test_an_ipv6_request_has_its_own_type() -> None:
    assert echo_request(7, PAYLOAD, ipv6=True)[0] == 128


@pytest.mark.parametrize(
    ("packet", "ipv6"), [(REPLY, False), (IP_HEADER + REPLY, False), (REPLY_6, True)]
)
def test_a_reply_is_known_with_and_without_its_ip_header(packet: bytes, ipv6: bool) -> None:
    assert is_reply(packet, 7, PAYLOAD, ipv6=ipv6)
    assert not is_reply(packet, 8, PAYLOAD, ipv6=ipv6)
    assert not is_reply(packet, 7, PAYLOAD[:-1] + b"!", ipv6=ipv6)
    assert not is_reply(packet, 7, PAYLOAD, ipv6=not ipv6)


@pytest.mark.parametrize(
    "packet", [b"", b"\0", IP_HEADER, echo_request(7, PAYLOAD, ipv6=False), REPLY[:7]]
)
def test_other_packets_are_no_replies(packet: bytes) -> None:
    assert not is_reply(packet, 7, PAYLOAD, ipv6=False)
