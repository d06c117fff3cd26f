"""Enrolling: an organization's token in, a place at the server out, kept in the state directory."""

from dataclasses import dataclass, field

from partner_api.agent.address import check_address
from partner_api.agent.answers import Place
from partner_api.agent.host import clean_facts, read_host
from partner_api.agent.serial import read_serial
from partner_api.agent.server import Item, Server, open_http
from partner_api.agent.spool import Spool
from partner_api.agent.state import Enrollment, StateDirectory


@dataclass(frozen=True)
class Wish:
    """What whoever sets the agent up has to say."""

    url: str
    token: str = field(repr=False)
    channel: str = "stable"
    asset_id: str | None = None
    user_name: str | None = None
    user_email: str | None = None
    current_version: str | None = None
    allow_http: bool = False


async def enroll(directory: StateDirectory, wish: Wish) -> Enrollment:
    """Enroll, or enroll again as the same device; Invalid, Unauthenticated, Unavailable."""
    address = check_address(wish.url, allow_http=wish.allow_http)
    earlier = directory.get_enrollment()
    client_id = directory.client_id()
    async with open_http(address) as http:
        place = await Server(http, wish.token).enroll(_facts(wish, client_id))
    if earlier is None or (earlier.msp_id, earlier.org_id) != (place.msp_id, place.org_id):
        _clear(directory)
    enrollment = _enrollment(address, client_id, place, wish)
    directory.keep_enrollment(enrollment)
    return enrollment


def _facts(wish: Wish, client_id: str) -> Item:
    said = {
        "clientId": client_id,
        "channel": wish.channel,
        "assetId": wish.asset_id,
        "userName": wish.user_name,
        "userEmail": wish.user_email,
    }
    # The serial number goes here and not with check-ins: often only root may read it, and root
    # enrolls a device but need not run its agent.
    read = read_host(wish.current_version) | clean_facts({"serialNumber": read_serial()})
    return {name: value for name, value in said.items() if value is not None} | read


def _clear(directory: StateDirectory) -> None:
    # What waits was observed for another customer, and is no business of this one.
    spool = Spool(directory.spool)
    spool.clear()
    spool.close()


def _enrollment(address: str, client_id: str, place: Place, wish: Wish) -> Enrollment:
    return Enrollment(
        server_url=address,
        msp_id=place.msp_id,
        org_id=place.org_id,
        client_id=client_id,
        device_token=place.device_token,
        check_in_interval_seconds=place.check_in_interval_seconds,
        allow_http=wish.allow_http,
        current_version=wish.current_version,
    )
