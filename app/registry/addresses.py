"""Which addresses a registry may lead us to, checked on the addresses that are connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from enum import Enum

import httpcore

from app.registry.errors import UnsafeAddress

_ATTEMPT_SECONDS = 4.0  # for each address but the last, so that a dead one leaves time for the others
_METADATA = {  # of instances, in ranges that may be an operator's own: AWS over IPv6, Alibaba Cloud
    ipaddress.ip_address("fd00:ec2::254"),
    ipaddress.ip_address("100.100.100.200"),
}
_NOT_PUBLIC = [  # special by the IANA's registries, whatever the `ipaddress` of this Python says of them
    ipaddress.ip_network(text) for text in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "fec0::/10")
]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Policy(Enum):
    """How far an address is trusted."""

    ANYWHERE = "allow_private is set"
    OWN_HOST = "the host that the operator named: private and loopback yes, link-local no"
    PUBLIC_ONLY = "a host that the registry named"


def is_allowed(address: Address, policy: Policy) -> bool:
    """Whether we may connect to address, seen through IPv4-mapped, 6to4, Teredo and NAT64 wrappings."""
    if policy is Policy.ANYWHERE:
        return True
    address = _unwrapped(address)
    if policy is Policy.PUBLIC_ONLY:
        special = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
        return address.is_global and not special
    special = address.is_link_local or address.is_unspecified or address.is_multicast
    reserved = address.version == 4 and address.is_reserved
    return not special and not reserved and address not in _METADATA


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if any."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is None and int(address) >> 32 == 0 and int(address) > 1:
        inner = ipaddress.IPv4Address(int(address))  # ::a.b.c.d, long deprecated
    return inner or address


def check_literal(host: str, policy: Policy) -> None:
    """Raises UnsafeAddress for an address or a localhost name that policy forbids; other names are for later."""
    if host == "localhost" or host.endswith(".localhost"):
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return
    if not is_allowed(address, policy):
        raise _refusal(host, [address])


def _refusal(host: str, addresses: Iterable[Address]) -> UnsafeAddress:
    shown = ", ".join(sorted({str(address) for address in addresses}))
    place = host if shown == host else f"{host} ({shown})"
    hint = "set allow_private for this registry if that is intended"
    return UnsafeAddress(f"refused to connect to {place}: a private or special address; {hint}")


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves once, checks every address, and connects to a checked address only: no rebinding in between."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that answers; UnsafeAddress if none may be asked."""
        allowed = await self._resolve(host, port)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for position, address in enumerate(allowed):
            last = position == len(allowed) - 1
            seconds = timeout if last or timeout is None else min(timeout, _ATTEMPT_SECONDS)
            try:
                return await self._network.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as problem:
                failure = problem
        raise failure

    async def _resolve(self, host: str, port: int) -> list[str]:
        found = await _lookup(host, port)
        allowed = [text for text, address in found.items() if is_allowed(address, self._policy)]
        if found and not allowed:
            raise _refusal(host, found.values())
        return allowed[:8]

    async def sleep(self, seconds: float) -> None:
        """As httpcore asks for it."""
        await asyncio.sleep(seconds)


async def _lookup(host: str, port: int) -> dict[str, Address]:
    """Addresses of host in the resolver's order."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise httpcore.ConnectError(f"{host}: {problem}") from problem
    texts = [str(entry[4][0]) for entry in found]
    return {text: ipaddress.ip_address(text.partition("%")[0]) for text in texts}
