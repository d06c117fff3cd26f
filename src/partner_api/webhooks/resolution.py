"""From a webhook's host to the addresses it stands for, without trusting its name servers."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from partner_api.kernel.ids import MspId
from partner_api.kernel.single_flight import SingleFlight
from partner_api.webhooks.addresses import AllowedAddresses, IPAddress, WebhookAddress

Resolve = Callable[[str], Awaitable[Sequence[IPAddress]]]
"""All addresses of a host, in the order to try them; none when there is no such name now."""

_LONGEST_SECONDS = 5
_AT_ONCE = 256
# So many slow ones it takes for an MSP to hold up its own others.
_AT_ONCE_EACH = 32


class Resolver:
    """Asks as the machine does, in threads of its own.

    Whoever names a host also runs its name servers, and may let them answer slowly. The threads
    that wait for them are not those in which the rest of the process looks up names.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook-names")

    async def __call__(self, host: str) -> Sequence[IPAddress]:
        """All addresses of a name or of an IP address."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)

    def close(self) -> None:
        """Let go of the threads; those that still wait end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class SharedResolver:
    """Resolves for many MSPs, a few hosts of each at a time.

    A look-up can be left but not ended, so those that nobody waits for any longer count, too. Slow
    name servers hold up their own MSP's webhooks, and whoever asks again for the same host waits
    for the look-up that is under way.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._look_ups: SingleFlight[tuple[MspId, str], Sequence[IPAddress]] = SingleFlight(0)
        self._places: defaultdict[MspId, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_AT_ONCE_EACH)
        )

    def of(self, msp_id: MspId) -> Resolve:
        """How one MSP's hosts are looked up."""

        async def resolve(host: str) -> Sequence[IPAddress]:
            return await self._look_ups.get((msp_id, host), lambda: self._look_up(msp_id, host))

        return resolve

    async def _look_up(self, msp_id: MspId, host: str) -> Sequence[IPAddress]:
        async with self._places[msp_id]:
            return await self._resolve(host)


async def require_address(url: str, allowed: AllowedAddresses, resolve: Resolve) -> WebhookAddress:
    """The address in a URL that is to be registered; Invalid when webhooks may not go there."""
    address = allowed.parse(url)
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            resolved = await resolve(address.host)
    except TimeoutError:
        resolved = ()
    allowed.check_registered(address, resolved)
    return address


def _look_up(host: str) -> Sequence[IPAddress]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(ip_address(at[0]) for *_, at in found))
