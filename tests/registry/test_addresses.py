"""Which addresses a registry may lead us to."""

import ipaddress

import pytest

from app.registry.addresses import GuardedBackend, Policy, check_literal, is_allowed
from app.registry.errors import UnsafeAddress

PRIVATE = ["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "::1", "fd12::1"]
LINK_LOCAL = ["169.254.169.254", "169.254.0.1", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"]
WRAPPED = ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "::10.0.0.1"]
WRAPPED_METADATA = ["::ffff:169.254.169.254", "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"]
ASSIGNED = [
    "192.0.0.9",
    "192.0.0.192",
    "192.88.99.1",
    "fec0::1",
    "3fff::1",
]  # global or not, as Python's version has it
ALIBABA_METADATA = "100.100.100.200"
SPECIAL = [
    *ASSIGNED,
    ALIBABA_METADATA,
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "2001:db8::1",
    "64:ff9b:1::1",
]
PUBLIC = ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("text", [*PRIVATE, *LINK_LOCAL, *WRAPPED, *WRAPPED_METADATA, *SPECIAL])
def test_a_host_that_the_registry_named_must_be_public(text: str) -> None:
    """Loopback, private, link-local, CGNAT, protocol and documentation ranges are refused, in any wrapping."""
    assert not is_allowed(ipaddress.ip_address(text), Policy.PUBLIC_ONLY)
    assert is_allowed(ipaddress.ip_address(text), Policy.ANYWHERE)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_fine(text: str) -> None:
    """For everyone."""
    assert is_allowed(ipaddress.ip_address(text), Policy.PUBLIC_ONLY)
    assert is_allowed(ipaddress.ip_address(text), Policy.OWN_HOST)


@pytest.mark.parametrize("text", PRIVATE)
def test_the_operators_own_host_may_be_private(text: str) -> None:
    """Registries at home are common."""
    assert is_allowed(ipaddress.ip_address(text), Policy.OWN_HOST)


@pytest.mark.parametrize("text", [*LINK_LOCAL, *WRAPPED_METADATA, ALIBABA_METADATA, f"::ffff:{ALIBABA_METADATA}"])
def test_nobodys_host_is_link_local(text: str) -> None:
    """Metadata services live there."""
    assert not is_allowed(ipaddress.ip_address(text), Policy.OWN_HOST)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "x.localhost", "::1", "fe80::1%eth0", "10.1.2.3"])
def test_literals_are_refused_at_once(host: str) -> None:
    """Before anything is resolved."""
    with pytest.raises(UnsafeAddress, match="allow_private"):
        check_literal(host, Policy.PUBLIC_ONLY)


async def test_names_are_checked_by_what_they_resolve_to() -> None:
    """The check is on the address connected to, so a name cannot change its mind in between."""
    with pytest.raises(UnsafeAddress, match=r"localhost \(.*127\.0\.0\.1"):
        await GuardedBackend(Policy.PUBLIC_ONLY).connect_tcp("localhost", 1)
