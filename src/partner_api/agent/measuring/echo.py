"""ICMP echo, RFC 792 and RFC 4443, as bytes."""

import struct

_HEADER = struct.Struct("!BBHHH")
_REQUEST, _REPLY = 8, 0
_REQUEST_6, _REPLY_6 = 128, 129
_IPV4_HEADER = 20


def echo_request(sequence: int, payload: bytes, *, ipv6: bool) -> bytes:
    """A request; systems fill in the identifier, and for IPv6 the checksum."""
    kind = _REQUEST_6 if ipv6 else _REQUEST
    checksum = _checksum(_HEADER.pack(kind, 0, 0, 0, sequence) + payload)
    return _HEADER.pack(kind, 0, checksum, 0, sequence) + payload


def is_reply(packet: bytes, sequence: int, payload: bytes, *, ipv6: bool) -> bool:
    """Whether a packet answers that request."""
    message = packet if ipv6 else _without_ip_header(packet)
    if len(message) < _HEADER.size:
        return False
    kind, _, _, _, answered = _HEADER.unpack_from(message)
    wanted = _REPLY_6 if ipv6 else _REPLY
    return kind == wanted and answered == sequence and message[_HEADER.size :] == payload


def _without_ip_header(packet: bytes) -> bytes:
    # macOS hands it out, Linux does not; an ICMP message that begins with a 4 there is not.
    if len(packet) > _IPV4_HEADER and packet[0] >> 4 == 4:
        return packet[(packet[0] & 0x0F) * 4 :]
    return packet


def _checksum(data: bytes) -> int:
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
